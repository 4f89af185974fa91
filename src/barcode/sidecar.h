/* sidecar: a barcode as data: JSON (versioned, can be drawn again) and CSV. Numbers do not depend on locale; nothing
 * that varies from run to run (times, machines) is in them. */
#ifndef JACQUARD_BARCODE_SIDECAR_H
#define JACQUARD_BARCODE_SIDECAR_H

#include "barcode/column.h"
#include "base/status.h"

#include <stdio.h>

#define SIDECAR_FORMAT "jacquard-barcode"
#define SIDECAR_INERTIA_ONE 65536.0 /* column.h: in 1/65536 squared levels */
enum { SIDECAR_VERSION = 1 };

/* {"format":"jacquard-barcode","version":1,"film":{...},"settings":{...},"columns":[...]}; one column a line. */
enum status sidecar_write_json(FILE *file, const char *path, const struct barcode *b);

/* Rows column,frame,time,cluster,r,g,b,count,share under a header line. */
enum status sidecar_write_csv(FILE *file, const char *path, const struct barcode *b);

/* Reads what sidecar_write_json wrote. ST_USAGE with one line on what is wrong and where; b is then released. */
enum status sidecar_read_json(const char *path, struct barcode *b);

#endif
