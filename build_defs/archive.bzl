"""One static archive out of a library and all its dependencies, exporting public symbols only."""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

def _single_archive_impl(ctx):
    archives = []
    for dep in ctx.attr.deps:
        for linker_input in dep[CcInfo].linking_context.linker_inputs.to_list():
            for library in linker_input.libraries:
                archive = library.pic_static_library or library.static_library
                if archive and archive not in archives:
                    archives.append(archive)

    toolchain = find_cpp_toolchain(ctx)
    ctx.actions.run_shell(
        outputs = [ctx.outputs.out],
        inputs = depset(archives, transitive = [toolchain.all_files]),
        arguments = [
            toolchain.ld_executable,
            toolchain.objcopy_executable,
            toolchain.ar_executable,
            ctx.outputs.out.path,
        ] + [archive.path for archive in archives],
        # All objects become one, so that what is hidden can become local to it.
        command = """
            set -e
            ld=$1 objcopy=$2 ar=$3 out=$4
            shift 4
            object=${out%.a}.o
            "$ld" -r -o "$object" --whole-archive "$@"
            "$objcopy" --localize-hidden "$object"
            rm -f "$out"
            "$ar" rcsD "$out" "$object"
            rm "$object"
        """,
        mnemonic = "SingleArchive",
        progress_message = "Archiving %s" % ctx.outputs.out.short_path,
        use_default_shell_env = True,
    )
    return [DefaultInfo(files = depset([ctx.outputs.out]))]

single_archive = rule(
    implementation = _single_archive_impl,
    doc = "Merges static libraries into one archive whose hidden symbols are local.",
    attrs = {
        "deps": attr.label_list(providers = [CcInfo]),
        "out": attr.output(mandatory = True),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
