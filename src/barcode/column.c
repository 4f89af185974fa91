/* column: see column.h. */
#include "barcode/column.h"

#include <stdlib.h>

void barcode_release(struct barcode *b)
{
    for (int64_t i = 0; i < b->n_columns; i++)
        free(b->columns[i].lines);
    free(b->columns);
    free(b->rarity);
    free(b->settings_text);
    free(b->film_path);
    *b = (struct barcode){0};
}
