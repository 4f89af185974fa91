/* jacquard render: draws a strip again from a side-car. */
#include "barcode/render.h"
#include "barcode/sidecar.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/run_opts.h"
#include "image/png.h"

#include <stdio.h>
#include <stdlib.h>

enum { OPT_OUTPUT, OPT_HEIGHT, OPT_ORDER, OPT_STRIP, OPT_FORCE, OPT_HELP };

static const struct opt options[] = {
    [OPT_OUTPUT] = {"output", 'o', "NEW.png", "the picture"},
    [OPT_HEIGHT] = {"height", 0, "H", "its rows (default 480)"},
    [OPT_ORDER] = {"order", 0, "ORDER", "share (default), lightness, hue"},
    [OPT_STRIP] = {"strip", 0, "STRIP", "kmeans (default), average, prominent, squeezed, least, equal"},
    [OPT_FORCE] = {"force", 0, NULL, "overwrite an existing picture"},
    [OPT_HELP] = RUN_OPT_HELP,
    {NULL, 0, NULL, NULL},
};

struct render_options {
    const char *output;
    int64_t height;
    int order, strip;
    bool force, help;
};

static enum status handle(void *context, int which, const char *arg)
{
    struct render_options *o = context;

    switch (which) {
    case OPT_OUTPUT:
        return opts_picture("-o", arg, &o->output);
    case OPT_HEIGHT:
        return opts_int("--height", arg, 1, 65535, &o->height);
    case OPT_ORDER:
        return opts_choice("--order", arg, order_names, N_ORDERS, &o->order);
    case OPT_STRIP:
        return opts_choice("--strip", arg, strip_names, N_STRIPS, &o->strip);
    case OPT_FORCE:
        o->force = true;
        break;
    default:
        o->help = true;
    }
    return ST_OK;
}

static enum status write_picture(const struct render_options *o, const uint8_t *rgb, int64_t width)
{
    struct file_out out = {0};
    enum status st = file_out_open(&out, o->output, o->force);

    if (st == ST_OK)
        st = png_write_rgb(out.stream, o->output, rgb, (uint32_t)width, (uint32_t)o->height);
    if (st == ST_OK)
        st = file_out_commit(&out);
    file_out_discard(&out);
    if (st == ST_OK)
        puts(o->output);
    return st;
}

static enum status render(const char *sidecar, const struct render_options *o)
{
    struct barcode b = {0};
    uint8_t *rgb = NULL;
    enum status st = file_is_same(o->output, sidecar)
                         ? FAIL(ST_USAGE, "the output %s is the side-car itself", o->output)
                         : file_check_output(o->output, o->force);

    if (st == ST_OK)
        st = sidecar_read_json(sidecar, &b);
    if (st == ST_OK)
        st = render_check_size(b.n_columns, b.n_lines, (uint32_t)o->height, mem_limit());
    if (st == ST_OK)
        st = render_strip(&b, (enum strip)o->strip, (enum order)o->order, (uint32_t)o->height, &rgb);
    if (st == ST_OK)
        st = write_picture(o, rgb, b.n_columns);
    free(rgb);
    barcode_release(&b);
    return st;
}

enum status command_render(struct comm *comm, int argc, char **argv, atomic_int *stop)
{
    struct render_options o = {.height = 480};
    const char *sidecar = NULL;
    int n;

    (void)stop; /* done in a moment */
    TRY(opts_parse("render", options, argc, argv, handle, &o, &sidecar, 1, &n));
    if (o.help) {
        if (comm->rank == 0) {
            puts("usage: jacquard render OUT.json -o NEW.png [OPTIONS]\n");
            opts_print(options);
        }
        return ST_OK;
    }
    if (n != 1 || !o.output)
        return FAIL(ST_USAGE, "a side-car and -o are wanted (see: jacquard render --help)");
    return comm_agree(comm, comm->rank == 0 ? render(sidecar, &o) : ST_OK);
}
