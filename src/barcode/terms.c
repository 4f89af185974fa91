#include "barcode/terms.h"

#include "barcode/sidecar.h"
#include "compute/kmeans_rules.h"
#include "film/frame_source.h"

#include <string.h>

static void must_match_settings(struct comm *comm, const struct barcode_settings *settings)
{
    struct barcode_settings whole = *settings;
    char value[256];

    barcode_settings_complete(&whole);
    for (int t = 0; barcode_settings_tables[t]; t++)
        for (const struct opt *row = barcode_settings_tables[t]; row->kind != OPT_END; row++)
            if (row->key) {
                opts_text(row, &whole, true, value, sizeof value);
                comm_must_match(comm, row->key, "%s", value);
            }
}

/* Backends, threads and outputs may differ from rank to rank. */
void terms_of_barcode(struct comm *comm, const struct barcode_config *config)
{
    char decoders[512];

    decoder_describe(decoders, sizeof decoders);
    char *end = strstr(decoders, " (");
    if (end) /* what they were built with may differ */
        *end = '\0';
    comm_must_match(comm, "FFmpeg", "%s", decoders);
    comm_must_match(comm, "the version of the k-means rules", "%d", KMEANS_RULES);
    comm_must_match(comm, "the version of the side-car", "%d", SIDECAR_VERSION);
    must_match_settings(comm, &config->settings);
    comm_must_match(comm, "--allow-partial", "%s", config->allow_partial ? "on" : "off");
    comm_must_match(comm, "--frame-hashes", "%s", config->frame_hashes ? "wanted" : "not wanted");
    comm_must_match(comm, "--verify-samples", "%d", config->verify_samples);
}
