"""A trial of 16-bit fixed-point arithmetic for eight-bit pictures: see docs/fixed-point.md."""
