/* jacquard render: draws a strip again from a side-car. */
#include "barcode/settings.h"
#include "barcode/sidecar.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/command.h"
#include "image/png.h"

#include <stdlib.h>

struct options {
    const char *output;
    struct drawing drawing;
    enum strip strip;
    bool force;
};

#define AT(member) OPT_AT(struct options, member)

static const struct opt rows[] = {
    {OPT_PICTURE, "output", 'o', "NEW.png", "the picture", AT(output)},
    ROWS_DRAWING(struct options),
    {OPT_CHOICE, "strip", 0, "STRIP", "which strip to draw", "kmeans", AT(strip), OPT_NAMES(strip_names)},
    ROW_FORCE(struct options, "overwrite an existing picture"),
    {.kind = OPT_END},
};

static const struct opt_group groups[] = {{"Options", rows, 0}, {0}};

static enum status write_picture(const struct options *o, const struct picture *p)
{
    struct file_out out;

    TRY(file_out_open(&out, o->output, o->force));
    TRY(file_out_end(&out, png_write_rgb(out.stream, o->output, p->rgb, p->width, p->height)));
    puts(o->output);
    return ST_OK;
}

static enum status render(const char *sidecar, const struct options *o)
{
    struct barcode b = {0};
    struct picture picture = {0};
    enum status st;

    if (file_is_same(o->output, sidecar))
        return FAIL(ST_USAGE, "the output %s is the side-car itself", o->output);
    TRY(file_check_output(o->output, o->force));
    TRY_OR(done, st, sidecar_read_json(sidecar, &b));
    TRY_OR(done, st,
           render_check_size(o->drawing.shape.width > 0 ? o->drawing.shape.width : b.n_columns, b.n_lines,
                             o->drawing.height, mem_limit()));
    TRY_OR(done, st, render_strip(&b, o->strip, &o->drawing, &picture));
    st = write_picture(o, &picture);
done:
    free(picture.rgb);
    barcode_release(&b);
    return st;
}

static enum status run(struct comm *comm, const struct command_call *call, atomic_int *stop)
{
    const struct options *o = call->options;

    (void)stop; /* done in a moment */
    if (call->line.n_operands != 1 || !o->output)
        return FAIL(ST_USAGE, "a side-car and -o are wanted (see: jacquard render --help)");
    return comm_agree(comm, comm->rank == 0 ? render(call->line.operand[0], o) : ST_OK);
}

const struct command command_render = {
    .name = "render",
    .summary = "draw a barcode again from its side-car, without the film",
    .usage = "OUT.json -o NEW.png [OPTIONS]",
    .description = "Draws a strip of a barcode from its side-car (barcode --json), at any height and in any order.",
    .groups = groups,
    .options_bytes = sizeof(struct options),
    .max_operands = 1,
    .run = run,
};
