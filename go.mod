module twomsl

go 1.26
