"""Where prices come from: one file per source. `milepost.prices.book` is the way in."""
