// How many CPUs this process may use: what its affinity mask allows, and no more than the quotas of
// the cgroups that it is in, rounded up (a quota of 1.5 CPUs gives 2).
#include "scheduler/scheduler.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

static uint32_t affinity_count(void)
{
    // Kernels with more CPUs than the mask holds refuse with EINVAL: try larger masks.
    for (int cpus = CPU_SETSIZE; cpus <= 1 << 20; cpus *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)cpus);
        if (!set)
            return 1;
        size_t size = CPU_ALLOC_SIZE((size_t)cpus);
        int count = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (count > 0)
            return (uint32_t)count;
    }
    return 1;
}

// Reads the first line of <folder><file>.
static bool read_line(const char *folder, const char *file, char *line, int size)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s%s", folder, file) >= (int)sizeof path)
        return false;
    FILE *stream = fopen(path, "re");
    if (!stream)
        return false;
    bool read = fgets(line, size, stream) != NULL;
    (void)fclose(stream);
    return read;
}

static uint32_t limited(uint32_t count, long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return count;
    long long cpus = (quota + period - 1) / period;
    return cpus < count ? (uint32_t)cpus : count;
}

static uint32_t limit_v2(const char *folder, uint32_t count)
{
    char line[64];
    if (!read_line(folder, "/cpu.max", line, sizeof line))
        return count;
    char *end = NULL;
    long long quota = strtoll(line, &end, 10); // "max 100000" gives 0: no quota
    return limited(count, quota, strtoll(end, NULL, 10));
}

static uint32_t limit_v1(const char *folder, uint32_t count)
{
    char quota[64];
    char period[64];
    if (!read_line(folder, "/cpu.cfs_quota_us", quota, sizeof quota) ||
        !read_line(folder, "/cpu.cfs_period_us", period, sizeof period))
        return count;
    return limited(count, strtoll(quota, NULL, 10), strtoll(period, NULL, 10)); // -1: no quota
}

// Applies the limit of the cgroup at mount + path and of all above it.
static uint32_t walk_up(const char *mount, const char *path, uint32_t count,
                        uint32_t (*limit)(const char *folder, uint32_t count))
{
    char folder[PATH_MAX];
    if (snprintf(folder, sizeof folder, "%s%s", mount, path) >= (int)sizeof folder)
        return count;
    size_t root = strlen(mount);
    for (;;) {
        count = limit(folder, count);
        char *slash = strrchr(folder + root, '/');
        if (!slash)
            return count;
        *slash = '\0';
    }
}

// A line of /proc/self/cgroup: "0::/path" (v2) or "4:cpu,cpuacct:/path" (v1).
static uint32_t apply_line(char *line, uint32_t count)
{
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path)
        return count;
    controllers++;
    *path++ = '\0';
    if (*controllers == '\0')
        return walk_up(CGROUP_ROOT, path, count, limit_v2);
    bool cpu = false;
    char *rest = NULL;
    for (char *name = strtok_r(controllers, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
        cpu = cpu || strcmp(name, "cpu") == 0;
    if (!cpu)
        return count;
    count = walk_up(CGROUP_ROOT "/cpu", path, count, limit_v1);
    return walk_up(CGROUP_ROOT "/cpu,cpuacct", path, count, limit_v1);
}

uint32_t trp_cpu_count(void)
{
    uint32_t count = affinity_count();
    FILE *stream = fopen("/proc/self/cgroup", "re");
    if (!stream)
        return count;
    char line[PATH_MAX + 256];
    while (fgets(line, sizeof line, stream))
        count = apply_line(line, count);
    (void)fclose(stream);
    return count > 0 ? count : 1;
}
