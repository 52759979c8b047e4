"""What everybody talks about: values only, no behaviour beyond their own arithmetic, no I/O, no clock."""
