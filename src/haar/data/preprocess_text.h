/* preprocess_text: the text of preprocess_rules.h, put into the program when it is built (cmake/embed.cmake), for
 * `jacquard export` to hand out. */
#ifndef JACQUARD_HAAR_DATA_PREPROCESS_TEXT_H
#define JACQUARD_HAAR_DATA_PREPROCESS_TEXT_H

#include <stddef.h>

extern const unsigned char preprocess_text[]; /* [preprocess_text_bytes], no 0 at the end */
extern const size_t preprocess_text_bytes;

#endif
