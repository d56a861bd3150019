"""Libraries with yield points, for interleaving tests (base/yield.h, tests/support/interleave.h)."""

def _add_yield_points_impl(settings, attr):
    return {"//command_line_option:copt": settings["//command_line_option:copt"] +
                                          ["-DTRP_YIELD_POINTS"]}

_add_yield_points = transition(
    implementation = _add_yield_points_impl,
    inputs = ["//command_line_option:copt"],
    outputs = ["//command_line_option:copt"],
)

def _with_yield_points_impl(ctx):
    return [cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps])]

with_yield_points = rule(
    implementation = _with_yield_points_impl,
    doc = "The libraries in `deps`, and all below them, compiled with -DTRP_YIELD_POINTS.",
    attrs = {
        "deps": attr.label_list(cfg = _add_yield_points, providers = [CcInfo]),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)
