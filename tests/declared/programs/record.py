"""Records words.npz and words.json from the C of this folder, with gcc, arm-none-eabi-gcc and QEMU: python record.py"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from support.programs_built import CORES, FOLDER, HOSTS, names, on_core, on_host


def main():
    found = {}
    for name in names():
        for target in (*HOSTS, *CORES):
            with tempfile.TemporaryDirectory() as scratch:
                run = on_host if target in HOSTS else on_core
                for seed, buffers in run(name, target, Path(scratch)).items():
                    found[f"{name}/{target}/{seed}"] = np.concatenate(list(buffers.values()))
    np.savez_compressed(FOLDER / "words.npz", **found)
    tools = ("gcc", "arm-none-eabi-gcc", "qemu-system-arm")
    versions = {
        tool: subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
        for tool in tools
    }
    provenance = {"recorded": "by record.py from the C of this folder, -O2", "tools": versions, "arrays": len(found)}
    (FOLDER / "words.json").write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
