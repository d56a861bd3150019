// See driver.h.
#include "sim/driver.h"

troupe_status trp_driver_start(struct trp_driver *driver, uint64_t seed,
                               const troupe_system_opts *opts)
{
    driver->system = NULL;
    troupe_status status = troupe_sim_new(seed, NULL, &driver->sim);
    if (status != TROUPE_OK)
        return status;
    driver->sim->opts.step_ns = 0;
    driver->sim->opts.max_steps = UINT64_MAX;
    status = troupe_sim_add(driver->sim, opts, NULL, NULL, NULL);
    driver->system = troupe_sim_system(driver->sim, 0);
    if (status != TROUPE_OK) {
        troupe_sim_free(driver->sim);
        driver->sim = NULL;
    }
    return status;
}

troupe_status trp_driver_stop(struct trp_driver *driver, uint32_t deadline_ms,
                              troupe_report *report)
{
    troupe_status status = troupe_system_stop(driver->system, deadline_ms, report);
    bool good = troupe_sim_free(driver->sim);
    driver->sim = NULL;
    driver->system = NULL;
    return good ? status : TROUPE_ECANCELED;
}

bool trp_driver_step(struct trp_driver *driver)
{
    return trp_sim_step_now(driver->sim);
}

void trp_driver_settle(struct trp_driver *driver)
{
    while (trp_sim_step_now(driver->sim))
        continue;
}

void trp_driver_advance(struct trp_driver *driver, uint64_t ms)
{
    (void)troupe_sim_run_for(driver->sim, ms);
    trp_driver_settle(driver);
}

void trp_driver_run(struct trp_driver *driver)
{
    (void)troupe_sim_run(driver->sim);
}
