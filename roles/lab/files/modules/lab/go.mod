module lab/workloads

go 1.24
