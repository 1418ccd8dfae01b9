"""What several tests build on: pictures and files, weights, scenes with motion, exported projects, error messages."""
