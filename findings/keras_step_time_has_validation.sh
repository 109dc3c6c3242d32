#!/usr/bin/env bash
# Keras' bars tell how long a step took, but at an epoch's end the validation is in it, divided by the training's steps.
# Who counts samples a second, or the price of a step, from such a log is far off. https://keras.io/api/callbacks/progbar_logger
set -euo pipefail

package=keras version=3.15.1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check "$package==$version" torch==2.13.0 numpy==2.4.6
cd "$folder"

echo "package:   $package $version, on torch 2.13.0"
echo "guess:     what is told as time a step is that of a step of training, some 20 ms here"
echo "behaviour: it is the time of the epoch with its validation (2 s here), by the number of training steps"
cat > program.py <<'PYTHON'
import contextlib
import io
import re
import sys
import time

import keras
import numpy


class Pace(keras.callbacks.Callback):
    """Makes each step of training take some 20 ms, and each validation 2 s; measures the steps."""

    def on_train_batch_begin(self, batch, logs=None):
        self.began = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.02)
        self.steps.append(time.monotonic() - self.began)

    def on_test_begin(self, logs=None):
        time.sleep(2)

    def on_epoch_begin(self, epoch, logs=None):
        self.steps = []


x = numpy.linspace(0, 1, 80).reshape(80, 1)
model = keras.Sequential([keras.layers.Dense(1)])
model.compile("sgd", "mse")
told = {}
for name, more in {"without validation": {}, "with validation": {"validation_data": (x, x)}}.items():
    pace = Pace()
    with contextlib.redirect_stdout(io.StringIO()) as text:
        model.fit(x, x, batch_size=8, epochs=2, verbose=2, callbacks=[pace], **more)
    line = text.getvalue().splitlines()[-1]
    told[name] = int(re.search(r"(\d+)ms/step", line)[1])
    measured = sum(pace.steps) / len(pace.steps)
    print(f"seen:      {name}: {line[:24]} ... where a step took {measured * 1000:.0f} ms")
sys.exit(not told["with validation"] > 4 * told["without validation"])
PYTHON
KERAS_BACKEND=torch HOME="$folder" venv/bin/python program.py 2> errors || { tail -n 5 errors; echo "changed"; exit 1; }
