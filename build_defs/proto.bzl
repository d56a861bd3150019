"""Turns .proto files into a C library with protoc-c."""

def troupe_proto_library(name, srcs, **kwargs):
    """A library with the messages of .proto files.

    `counter.proto` is included as "counter.pb-c.h" by whoever depends on the library. The files lie
    in the package's own folder and import each other by their bare names.

    Args:
      name: the library's name.
      srcs: the .proto files; may be empty.
      **kwargs: what else the cc_library gets, such as visibility.
    """
    sources = [src.replace(".proto", ".pb-c.c") for src in srcs]
    headers = [src.replace(".proto", ".pb-c.h") for src in srcs]
    if srcs:
        native.genrule(
            name = name + "_protoc_c",
            srcs = srcs,
            outs = sources + headers,
            cmd = "protoc-c --c_out=$(RULEDIR) --proto_path=$$(dirname $(location %s)) $(SRCS)" % srcs[0],
            message = "Generating C for the messages of",
        )
    native.cc_library(
        name = name,
        srcs = sources,
        hdrs = headers,
        # Generated code is not ours to warn about.
        copts = [
            "-fvisibility=hidden",
            "-w",
        ],
        includes = ["."],
        linkstatic = True,
        deps = [str(Label("//third_party:protobuf_c"))],
        **kwargs
    )
