"""What this machine is: one file per environment. `milepost.instances.detect` is the way in."""
