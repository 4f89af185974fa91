/* card: a barcode at a glance. Pure. */
#ifndef JACQUARD_CATALOG_WORK_CARD_H
#define JACQUARD_CATALOG_WORK_CARD_H

#include "barcode/column.h"
#include "catalog/store/result.h"

void card_make(struct film_card *card, const struct barcode *b);

#endif
