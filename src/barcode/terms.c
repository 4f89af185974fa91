#include "barcode/terms.h"

#include "barcode/pipeline.h"
#include "barcode/output.h"
#include "barcode/sidecar_format.h"
#include "compute/kmeans_rules.h"
#include "film/frame_source.h"

#include <stdlib.h>
#include <string.h>

/* Backends, threads and outputs are each rank's own affair. */
enum status terms_of_barcode(struct comm *comm, const struct barcode_config *config)
{
    char decoders[512], *text;
    struct pipeline pipeline; /* fills in the defaults */

    pipeline_init(&pipeline, config, NULL);
    text = output_settings_text(&pipeline.config);
    if (!text)
        return ST_NOMEM;
    decoder_describe(decoders, sizeof decoders);
    char *end = strstr(decoders, " (");
    if (end) /* what they were built with is no difference */
        *end = '\0';
    comm_must_match(comm, "FFmpeg", "%s", decoders);
    comm_must_match(comm, "the version of the k-means rules", "%d", KMEANS_RULES);
    comm_must_match(comm, "the version of the side-car", "%d", SIDECAR_VERSION);
    comm_must_match_json(comm, text);
    comm_must_match(comm, "--allow-partial", "%s", config->allow_partial ? "on" : "off");
    comm_must_match(comm, "--frame-hashes", "%s", config->frame_hashes ? "wanted" : "not wanted");
    comm_must_match(comm, "--verify-samples", "%d", config->verify_samples);
    free(text);
    return ST_OK;
}
