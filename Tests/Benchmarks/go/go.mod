module gravlax/benchmarks

go 1.19
