"""Examples of training runs that Milepost tracks."""
