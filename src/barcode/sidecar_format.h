/* sidecar_format: what the writers and the reader of a barcode as data agree on. Private to sidecar_*.c. */
#ifndef JACQUARD_BARCODE_SIDECAR_FORMAT_H
#define JACQUARD_BARCODE_SIDECAR_FORMAT_H

#define SIDECAR_FORMAT "jacquard-barcode"
#define SIDECAR_INERTIA_ONE 65536.0 /* column.h: in 1/65536 squared levels */
enum { SIDECAR_VERSION = 1 };

#endif
