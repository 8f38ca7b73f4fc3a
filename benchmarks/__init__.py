"""What a run costs beside what people would do instead: ``make bench`` (`benchmarks.__main__`)."""
