"""What the measuring scripts of bench/ share: running programs, medians, Markdown tables."""
import datetime
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", ".."))
TIMEOUT_S = 300


def say(text):
    name = os.path.basename(sys.argv[0])
    print(f"{name}: {text}", file=sys.stderr, flush=True)


def stop(text):
    say(text)
    sys.exit(1)


# ---- Programs


def run(command, timeout=TIMEOUT_S, **kwargs):
    """Returns what a command prints ("" if that goes elsewhere), or None after saying why not."""
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("GOMAXPROCS", "BUILD_WORKING_DIRECTORY")}
    environment.update(kwargs.pop("env", {}))
    kwargs.setdefault("stdout", subprocess.PIPE)
    try:
        done = subprocess.run([str(word) for word in command], env=environment, timeout=timeout,
                              text=True, check=True, **kwargs)
        return done.stdout or ""
    except (OSError, subprocess.SubprocessError) as error:
        say(str(error))
        return None


def our_program(target, given=None):
    """Returns the path of a program of ours, //bench:local say, built unless it is given."""
    if given:
        return os.path.abspath(given)
    bazel = os.path.join(ROOT, "bazelw")
    built = run([bazel, "build", target], timeout=None, cwd=ROOT)
    folder = run([bazel, "info", "bazel-bin"], cwd=ROOT, stderr=subprocess.DEVNULL)
    if built is None or folder is None:
        stop(f"{target} does not build")
    return os.path.join(folder.strip(), *target.lstrip("/").split(":"))


def build_peer(name, source, command, place):
    """Builds another system's program in the folder `place`. False, after saying why it cannot."""
    if not shutil.which(command[0]):
        say(f"without {name}: {command[0]} is not installed")
    elif not os.path.exists(source):
        say(f"without {name}: there is no {source}")
    elif run(command, cwd=place, env={"GOCACHE": os.path.join(place, "gocache")}) is None:
        say(f"without {name}: {os.path.basename(source)} does not build")
    else:
        return True
    return False


def parse_lines(text):
    """Returns the name=value pairs of each line, numbers as numbers."""
    def value(word):
        try:
            return float(word)
        except ValueError:
            return word

    return [{name: value(word) for name, word in (pair.split("=", 1) for pair in line.split())}
            for line in text.splitlines()]


# ---- Results


def summary(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values),
            "samples": values}


def number(value):
    """Three digits that count."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 3
    return f"{value:.{digits}f}"


def spread(result):
    return f"{number(result['median'])} ({number(result['min'])}..{number(result['max'])})"


def print_table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


# ---- Where and when


def first_line(*command):
    if not shutil.which(command[0]):
        return None
    return (run(command, stderr=subprocess.STDOUT) or "").strip().split("\n")[0]


def describe_machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        cpu = re.search(r"model name\s*: (.*)", file.read())
    with open("/proc/meminfo", encoding="utf-8") as file:
        memory = re.search(r"MemTotal:\s*(\d+)", file.read())
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": cpu[1] if cpu else platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(memory[1]) / 1024 ** 2, 1) if memory else None,
        "kernel": platform.release(),
        "gcc": first_line("gcc", "--version"),
        "go": first_line("go", "version"),
        "commit": first_line("git", "-C", ROOT, "describe", "--always", "--dirty"),
    }


def print_machine(machine, *tools):
    print(f"{machine['cpus']} CPUs ({machine['cpu']}), {machine['memory_gib']} GiB, Linux "
          f"{machine['kernel']}, {machine['date']}, commit {machine['commit']}.")
    print(", ".join(tool for tool in tools if tool) + ".")
