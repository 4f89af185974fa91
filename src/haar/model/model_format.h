/* model_format: what the writer and the reader of model files share; private to them. The file is lines of ASCII text,
 * fields one space apart, all numbers whole and decimal, in the one shape that the writer gives them:
 *
 *   jacquard-model 1
 *   sha256 (of all that follows, 64 hexadecimal digits)
 *   width 28                       and so on: the settings, in the order of enum model_setting
 *   member SEED ROUNDS             followed by so many lines, one a weak learner:
 *   tree LEAVES shift S loss L | TYPE CHANNEL X Y W H A B CUT LEFT RIGHT ; ... | VOTE ...
 *   product TERMS shift S loss L | TYPE CHANNEL X Y W H A B CUT ; ... | VOTE ...
 *   end
 *
 * A tree has LEAVES - 1 nodes; LEFT and RIGHT are a later node's number or, negative, leaf -1 - number. A product's
 * leaf has bit t set where term t goes right (CUT or more). VOTE: all classes of leaf 0, of leaf 1, ... */
#ifndef JACQUARD_HAAR_MODEL_FORMAT_H
#define JACQUARD_HAAR_MODEL_FORMAT_H

#include "haar/model/model.h"

#define MODEL_MAGIC "jacquard-model"
enum { MODEL_VERSION = 1 };

/* No weight is further than this from another: a vote beyond is damage. */
enum { MODEL_MOST_VOTE = 64 * HAAR_OCTAVE };

enum model_setting {
    SETTING_WIDTH,
    SETTING_HEIGHT,
    SETTING_CLASSES,
    SETTING_LEARNER,
    SETTING_TERMS,
    SETTING_LEAVES,
    SETTING_ROUNDS,
    SETTING_LAZY,
    SETTING_SKETCH,
    SETTING_FEATURES,
    SETTING_DESKEW,
    SETTING_GRADIENT,
    SETTING_ELASTIC,
    SETTING_TRIM,
    SETTING_SEED,
    SETTING_IMAGES,
    SETTING_VALIDATION,
    SETTING_FINGERPRINT,
    N_SETTINGS
};

struct model_setting_rule {
    const char *key;
    uint64_t low, high;       /* or, with names, */
    const char *const *names; /* one of high + 1 words */
};

extern const struct model_setting_rule model_setting_rules[N_SETTINGS];
extern const char *const model_type_names[HAAR_N_TYPES];
extern const char *const model_kind_names[2]; /* enum weak_kind */

/* A setting that has no line where it is 0. */
bool model_setting_is_optional(enum model_setting setting);
void model_setting_text(enum model_setting setting, uint64_t value, char text[32]); /* as the file has it */
void model_pack_settings(const struct model *model, uint64_t value[N_SETTINGS]);
void model_unpack_settings(const uint64_t value[N_SETTINGS], struct model *model); /* values that keep the rules */

#endif
