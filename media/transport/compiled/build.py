"""Builds the compiled fan-out into this folder, where a C compiler is present:

    python -m media.transport.compiled.build

`tools/env.sh` runs it at install. Without a compiler it says so and leaves the pure twin to do the work.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from cffi import FFI

__all__ = ["CDEF", "main"]

HERE = Path(__file__).parent

CDEF = """
typedef struct tally_sender tally_sender;
typedef int (*tally_protect)(void *context, void *packet, int *length);

typedef struct {
    int count;                 /* viewers */
    int shifted;
    const uintptr_t *contexts;
    const uintptr_t *names;
    const uint16_t *numbers;   /* these three only when shifted */
    const uint16_t *pictures;
    const uint8_t *base_layers;
} tally_audience;

typedef struct {
    int count;                 /* packets */
    int is_rtcp;
    const uint8_t *packets[32];
    int sizes[32];
    int picture_at[32];        /* offsets, 0 for none */
    int base_layer_at[32];
    int messages;              /* for each viewer */
    int first[33];             /* of each message, the number of its first packet; and the end */
} tally_burst;

typedef struct {
    int sent;
    int protect_failed;
    int send_failed;
    int blocked;
    long long octets;
} tally_result;

tally_sender *tally_sender_new(int fd, int name_size, tally_protect protect, tally_protect protect_rtcp, int offload);
void tally_sender_free(tally_sender *sender);
int tally_sender_offloads(const tally_sender *sender);
int tally_send(tally_sender *sender, const tally_audience *audience, const tally_burst *burst, int start, int most,
               tally_result *result);
void tally_resume(tally_sender *sender, tally_result *result);
"""


def main() -> int:
    source = f"#include <stdint.h>\n{CDEF}\n{(HERE / 'fan_out.c').read_text()}"
    ffi = FFI()
    ffi.cdef(CDEF)
    ffi.set_source("_fan_out", source, extra_compile_args=["-O3", "-std=gnu11", "-Wall", "-Wextra"])
    try:
        with tempfile.TemporaryDirectory() as folder:
            built = Path(ffi.compile(tmpdir=folder))
            target = HERE / built.name
            target.with_suffix(".new").write_bytes(built.read_bytes())
            target.with_suffix(".new").replace(target)
    except Exception as error:
        print(f"the compiled fan-out was not built ({error}); the pure one is used", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
