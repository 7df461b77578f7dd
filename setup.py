"""Builds the optional C kernels; everything else is said in pyproject.toml.

One wheel serves every CPython from 3.11 on (the stable ABI). Where a kernel cannot be compiled the
package is installed without it and runs on its Python twin. A wheel without any says so: it is then
tagged as pure Python, not as the platform's.
"""

from __future__ import annotations

import glob
import os
import sys
import sysconfig
import tempfile

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel

# Each package with a kernel: its C sources are all those beside it.
KERNELS = ("dedupstore.chunking._kernel", "dedupstore.twins._kernel")

# The stable ABI exists on CPython only, and not yet where it is built without the GIL.
STABLE_ABI = sys.implementation.name == "cpython" and not sysconfig.get_config_var(
    "Py_GIL_DISABLED"
)


def kernel(name: str) -> Extension:
    """Describe a kernel; a wider instruction set is chosen inside it when it runs."""
    folder = os.path.dirname(name.replace(".", "/"))
    return Extension(
        name,
        sources=sorted(glob.glob(f"{folder}/*.c")),
        depends=sorted(glob.glob(f"{folder}/*.h")),
        extra_compile_args=["/O2"] if sys.platform == "win32" else ["-O3", "-fvisibility=hidden"],
        define_macros=[("Py_LIMITED_API", "0x030B0000")] if STABLE_ABI else [],
        py_limited_api=STABLE_ABI,
        optional=True,
    )


class Wheel(bdist_wheel):
    """A wheel whose tag tells whether a kernel is inside."""

    def get_tag(self) -> tuple[str, str, str]:
        """Return the tag of a pure package if no kernel was built."""
        build_ext = self.get_finalized_command("build_ext")
        if not any(os.path.exists(build_ext.get_ext_fullpath(name)) for name in KERNELS):
            self.root_is_pure = True
        return super().get_tag()


# Built in a new folder each time: what setuptools finds in ./build, such as a deleted module or
# another compiler's kernel, would go into the wheel.
with tempfile.TemporaryDirectory(prefix="dedupstore-build-") as build_folder:
    setup(
        ext_modules=[kernel(name) for name in KERNELS],
        cmdclass={"bdist_wheel": Wheel},
        options={
            "build": {"build_base": build_folder},
            "bdist_wheel": {
                "bdist_dir": os.path.join(build_folder, "wheel"),
                "py_limited_api": "cp311" if STABLE_ABI else False,
            },
        },
    )
