module dyepack.invalid/bench/peers/rpc

go 1.21
