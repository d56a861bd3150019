// What actors do in the workloads that actor systems are compared by, through the public functions
// and with the default options: see local --help. bench/compare runs it beside other systems.
#include "bench/local/options.h"
#include "bench/local/run.h"
#include "bench/local/spin.h"

static const struct local_workload *const *const workloads[LOCAL_FORMS] = {
    local_workloads_struct, local_workloads_protobuf};

// Runs one workload with all that is asked for of numbers of workers and forms.
static int run_workload(const struct local_options *options, size_t index)
{
    bool alone = !options->all && options->runs == 1 && options->worker_count == 1 &&
                 options->form_count == 1;
    for (size_t w = 0; w < options->worker_count; w++)
        for (size_t f = 0; f < options->form_count; f++) {
            const struct local_workload *workload = workloads[options->forms[f]][index];
            if (options->workers[w] < workload->least_workers)
                continue; // only when all are asked for: options.c refuses it otherwise
            local_run.workload = workload;
            local_run.form = options->forms[f];
            local_run.workers = options->workers[w];
            local_run.n = options->all ? workload->n.standard : options->n;
            local_run.k = options->all ? workload->k.standard : options->k;
            local_run.pieces = options->pieces;
            int code = alone ? local_run_here() : local_run_apart();
            if (code != 0)
                return code;
        }
    return 0;
}

int main(int argc, char **argv)
{
    struct local_options options;
    local_options_read(argc, argv, &options);
    size_t first = options.all ? 0 : options.workload;
    size_t end = options.all ? LOCAL_WORKLOADS : options.workload + 1;
    // Once for all runs, so that all of them do the same work.
    for (size_t i = first; i < end && local_run.spins_per_us == 0; i++)
        if (local_workloads_struct[i]->needs_spin)
            local_run.spins_per_us = local_spins_per_us();
    for (uint64_t round = 0; round < options.runs; round++)
        for (size_t i = first; i < end; i++) {
            int code = run_workload(&options, i);
            if (code != 0)
                return code;
        }
    return 0;
}
