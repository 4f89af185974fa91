/* film_summary: a barcode at a glance. Pure. */
#ifndef JACQUARD_CATALOG_WORKERS_FILM_SUMMARY_H
#define JACQUARD_CATALOG_WORKERS_FILM_SUMMARY_H

#include "barcode/column.h"
#include "catalog/store/result.h"

void film_summary_make(struct film_summary *summary, const struct barcode *b);

#endif
