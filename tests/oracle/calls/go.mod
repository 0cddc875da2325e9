module calls

go 1.12
