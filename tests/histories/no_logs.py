"""Files that are no logs of training, as they lie beside logs: made here, or of this machine's own packages."""

import io
import json
import pickle
import sqlite3
import struct
import subprocess
import sys
import sysconfig
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

SOURCE = "".join(f"    x_{at} = {at} * {at}.5  # step {at}: loss {at}.25\n" for at in range(1, 60))

COCO = {
    "info": {"year": 2017, "version": "1.0"},
    "images": [{"id": at, "width": 640, "height": 480, "file_name": f"{at:012}.jpg"} for at in range(1, 50)],
    "annotations": [
        {"id": at, "image_id": at, "category_id": at % 80, "area": 12.5 * at, "bbox": [at, 2, 3, 4]}
        for at in range(1, 50)
    ],
}

NOTEBOOK = {
    "cells": [{"cell_type": "code", "execution_count": at, "source": [f"loss = {at}\n"]} for at in range(1, 9)],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}

TEXT = {
    "train.py": f"import torch\n\n\ndef train():\n{SOURCE}",
    "kernel.cu": "".join(f"__global__ void k{at}(float *x) {{ x[{at}] = {at}.0f; }}\n" for at in range(60)),
    "attention.c": "".join(f"static const int table_{at}[] = {{{at}, {at + 1}, {at + 2}}};\n" for at in range(60)),
    "model.h": "".join(f"#define LAYER_{at} {at}\n" for at in range(60)),
    "run.sh": "#!/bin/bash\n" + "".join(f"python train.py --seed {at} --lr 0.{at}\n" for at in range(1, 9)),
    "sweep.sbatch.sh": "#SBATCH --nodes=4\n#SBATCH --time=10:00:00\n#SBATCH --array=0-9\nsrun python train.py\n",
    "Makefile": "".join(f"seed{at}:\n\tpython train.py --seed {at}\n" for at in range(9)),
    "Dockerfile": "FROM nvidia/cuda:12.4.1\nRUN pip install torch==2.6.0\nCMD python train.py\n",
    "config.yaml": "".join(f"layer_{at}: {{width: {at * 64}, rate: 0.{at}}}\n" for at in range(1, 30)),
    "pyproject.toml": "".join(f"[tool.x{at}]\nvalue = {at}\n" for at in range(9)),
    "setup.cfg": "[metadata]\nname = x\nversion = 1.2.3\n",
    "gin.config": "".join(f"Agent.layer_{at}.units = {at * 64}\n" for at in range(30)),
    "hparams.ini": "[train]\nlr = 0.1\nsteps = 1000\n",
    "requirements.txt": "numpy==2.3.3\npolars==1.34.0\ntorch==2.13.0\nmsgspec==0.20.0\nrich==14.0.0\n",
    "conda-list.txt": "# packages in environment at /opt/conda:\nblas  1.0  mkl\nbzip2  1.0.8  h5\nnumpy  1.26  py3\n",
    "README.md": "# Results\n\n| step | loss |\n| --- | --- |\n" + "".join(f"| {at} | {at}.5 |\n" for at in range(40)),
    "results.rst": "".join(f"step {at}  loss {at}.5\n" for at in range(40)),
    "table.tex": "".join(f"{at} & {at}.5 & {at}.25 \\\\\n" for at in range(40)),
    "refs.bib": "".join(f"@article{{a{at}, year = {{20{at}}}, pages = {{{at}--{at + 9}}}}}\n" for at in range(10, 20)),
    "index.html": "<html>" + "".join(f"<tr><td>{at}</td><td>{at}.5</td></tr>\n" for at in range(40)) + "</html>",
    "style.css": "".join(f".c{at} {{ width: {at}px; height: {at}em; }}\n" for at in range(40)),
    "plot.svg": "<svg>" + "".join(f'<circle cx="{at}" cy="{at * 2}" r="3"/>\n' for at in range(40)) + "</svg>",
    "sitemap.xml": "<a>" + "".join(f"<url><loc>x{at}</loc></url>\n" for at in range(40)) + "</a>",
    "package.json": json.dumps({"name": "x", "version": "1.0.0", "dependencies": {"vite": "^5.0.0"}}, indent=2),
    "package-lock.json": json.dumps(
        {"lockfileVersion": 3, "packages": {f"p{at}": {"version": "1"} for at in range(40)}}
    ),
    "tokenizer.json": json.dumps({"model": {"vocab": {f"t{at}": at for at in range(900)}}, "version": "1.0"}),
    "vocab.json": json.dumps({f"token{at}": at for at in range(900)}),
    "config.json": json.dumps({"hidden_size": 768, "num_layers": 12, "dropout": 0.1, "vocab_size": 50257}, indent=2),
    "params.json": json.dumps({"lr": 0.1, "env": "CartPole-v1", "num_workers": 4}),
    "wandb-metadata.json": json.dumps({"os": "Linux", "gpu_count": 8, "memory": {"total": "944.5"}}, indent=2),
    "instances_val2017.json": json.dumps(COCO),
    "model.safetensors.index.json": json.dumps({"weight_map": {f"l{at}": "model-1.safetensors" for at in range(99)}}),
    "names.json": json.dumps([f"class {at}" for at in range(90)]),
    "explore.ipynb": json.dumps(NOTEBOOK, indent=1),
    "merges.txt": "#version: 0.2\n" + "".join(f"{a} {b}\n" for a in "abcdefgh" for b in "rstuvw"),
    "classes.txt": "\n".join(("person", "bicycle", "car", "motorcycle", "aeroplane", "bus", "train")) + "\n",
    "prompts.txt": "".join(f"A photograph of {what}, detailed\n" for what in ("a cat", "a dog", "the sea", "a tree")),
    "LICENSE.txt": "Permission is hereby granted, free of charge, to any person obtaining a copy,\n" * 9,
    "pip.log": "Collecting numpy\n  Downloading numpy-2.3.3-cp311.whl (16.9 MB)\nCollecting polars\n"
    "  Using cached polars-1.34.0.whl (40.1 MB)\nInstalling collected packages: numpy, polars\n",
    "pytest.out": "===== test session starts =====\nplatform linux -- Python 3.11.9, pytest-9.0\ncollected 812 items\n"
    "tests/test_a.py ....F [ 12%]\ntests/cli/test_b.py ..s [ 80%]\n\n===== 1 failed, 810 passed in 33.21s =====\n",
    "dmesg.txt": "[    0.000000] Linux version 6.1.0 (gcc 12.2.0)\n[    0.000000] Command line: quiet\n"
    "[    0.004000] tsc: Detected 2199.998 MHz processor\n[    1.201234] usb 1-1: new high-speed USB device\n",
    "debug.log": "2026-01-01 10:00:00,123 INFO    MainThread:77 [setup.py:_flush():79] Current SDK version is 0.31.0\n"
    "2026-01-01 10:00:00,124 INFO    MainThread:77 [init.py:init():831] calling init triggers\n"
    "2026-01-01 10:00:01,500 WARNING MainThread:77 [run.py:_restore():12] restore\n",
    "debug-internal.log": "".join(
        json.dumps({"time": f"2026-01-01T10:00:0{at}Z", "level": "INFO", "msg": f"handle request {at}"}) + "\n"
        for at in range(9)
    ),
    "traceback.txt": 'Traceback (most recent call last):\n  File "train.py", line 12, in <module>\n    main()\n'
    "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB\n",
    "history.txt": "cd runs\nls -la\npython train.py --seed 1\ntail -f train.log\nnvidia-smi\nexit\n",
    "crontab": "# m h dom mon dow command\n0 3 * * * backup\n*/5 * * * * sync\n",
    "query.sql": "".join(f"INSERT INTO t VALUES ({at}, {at}.5);\n" for at in range(40)),
    "change.patch": "".join(f"@@ -{at},3 +{at},4 @@\n-loss = {at}\n+loss = {at}.5\n" for at in range(40)),
    "poetry.lock": "".join(f'[[package]]\nname = "p{at}"\nversion = "{at}.0"\n' for at in range(40)),
    "git-log.txt": "commit 038f2a8\nAuthor: A <a@b.c>\nDate: Mon\n\n    See a second boundary\n\ncommit d8c5fa7\n",
}
"""Text, by name."""


def _png() -> bytes:
    """Return a picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(range(64)) for _ in range(64))
    head = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _zip() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("train.py", TEXT["train.py"])
    return held.getvalue()


def write_all(folder: Path) -> list[Path]:
    """Write them into a folder, and return them."""
    import numpy

    for name, text in TEXT.items():
        (folder / name).write_text(text)
    (folder / "samples.png").write_bytes(_png())
    (folder / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 8)
    (folder / "code.zip").write_bytes(_zip())
    (folder / "model.pt").write_bytes(_zip())  # PyTorch's are archives
    (folder / "optimizer.pkl").write_bytes(pickle.dumps({"lr": [0.1] * 99}))
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 99) + b'{"a":{"dtype":"F32"}}' + bytes(999))
    numpy.save(folder / "embeddings.npy", numpy.arange(999.0))
    numpy.savez(folder / "arrays.npz", a=numpy.arange(99), b=numpy.arange(9.0))
    (folder / "core").write_bytes(b"\x7fELF\x02\x01\x01\0" + bytes(500))
    (folder / "sample.wav").write_bytes(b"RIFF$\0\0\0WAVEfmt " + bytes(500))
    (folder / "__init__.py").write_text("")
    with sqlite3.connect(folder / "cookies.db") as other:
        other.execute("CREATE TABLE metrics (id INTEGER, name TEXT, value REAL)")
        other.executemany("INSERT INTO metrics VALUES (?, 'x', ?)", [(at, at / 2) for at in range(99)])
    other.close()
    return sorted(folder.iterdir())


DATA = {
    "iris.csv": "sepal_length,sepal_width,species\n" + "".join(f"{at}.1,{at}.2,setosa\n" for at in range(1, 60)),
    "labels.csv": "image,label\n" + "".join(f"{at:05}.jpg,{at % 10}\n" for at in range(1, 60)),
    "house_prices.tsv": "rooms\tarea\tprice\n" + "".join(f"{at % 7}\t{at * 9}\t{at * 1000}\n" for at in range(1, 60)),
    "instructions.jsonl": "".join(json.dumps({"prompt": f"p {at}", "answer": f"c {at}"}) + "\n" for at in range(60)),
    "boxes.jsonl": "".join(json.dumps({"file": f"{at}.jpg", "area": at * 2.5}) + "\n" for at in range(60)),
}
"""Tables of data, by name: they look as tables of logs do, and tell neither a count nor a time."""


def of_this_machine(most: int = 400) -> Iterator[Path]:
    """Yield files of Python's own library and of installed packages, of each kind a few."""
    places = [sysconfig.get_paths()["stdlib"], str(Path(json.__file__).parents[1] / "email")]
    places += [each for each in sys.path if each.endswith("site-packages")]
    seen: dict[str, int] = {}
    for place in dict.fromkeys(places):
        for path in sorted(Path(place).glob("*/*")):
            kind = path.suffix
            if path.is_file() and seen.get(kind, 0) < 25 and kind not in (".so", ".pyc"):
                seen[kind] = seen.get(kind, 0) + 1
                yield path
                if (most := most - 1) == 0:
                    return


def program_output() -> dict[str, str]:
    """Return what programs of this machine write."""
    commands = {
        "pip-list.txt": [sys.executable, "-m", "pip", "list", "--disable-pip-version-check"],
        "help.txt": [sys.executable, "--help"],
        "timeit.txt": [sys.executable, "-m", "timeit", "-n", "1", "1"],
        "ls.txt": ["ls", "-la", "/"],
        "df.txt": ["df"],
        "env.txt": ["env", "-i", "A=1", "B=2"],
    }
    return {
        name: subprocess.run(each, capture_output=True, text=True, check=False).stdout
        for name, each in commands.items()
    }
