// The peer that reading nodes is measured against, in Go: net/http and encoding/json into structs
// that hold what an indexer keeps. Nothing is checked, decoded further or kept.
//
//	peer PORT KIND FIRST COUNT     KIND evm, full or raw
//
// Prints "BYTES CPU_SECONDS WALL_SECONDS".
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"
)

type call struct {
	ID      int    `json:"id"`
	Version string `json:"jsonrpc"`
	Method  string `json:"method"`
	Params  []any  `json:"params"`
}

type answer struct {
	Result json.RawMessage `json:"result"`
}

type transaction struct{ Hash, From, To, Value, Input string }

type block struct {
	Hash, ParentHash, Number, Timestamp, Miner, BaseFeePerGas string
	Transactions                                              []transaction
	Withdrawals                                               []struct{ Address, Amount string }
}

type receipt struct {
	TransactionHash, GasUsed, EffectiveGasPrice, Status string
	Logs                                                []struct {
		Address, Data, LogIndex string
		Topics                  []string
	}
}

type frame struct {
	Type, From, To, Value, Error string
	Calls                        []frame
}

type trace struct {
	TxHash string
	Result frame
}

type script struct{ Hex, Address string }

type bitcoinBlock struct {
	Hash, PreviousBlockHash string
	Height                  int
	Tx                      []struct {
		Txid, Hex string
		Vin       []struct {
			Txid    string
			Vout    int
			Prevout struct {
				Value        json.Number
				ScriptPubKey script
			}
		}
		Vout []struct {
			Value        json.Number
			ScriptPubKey script
		}
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var (
	url  string
	size int
)

func ask(into []any, calls ...call) {
	for i := range calls {
		calls[i].ID, calls[i].Version = i, "2.0"
	}
	body, err := json.Marshal(calls)
	must(err)
	response, err := http.Post(url, "application/json", bytes.NewReader(body))
	must(err)
	text, err := io.ReadAll(response.Body)
	must(err)
	response.Body.Close()
	size += len(text)
	var answers []answer
	must(json.Unmarshal(text, &answers))
	for i := range answers {
		must(json.Unmarshal(answers[i].Result, into[i]))
	}
}

func cpu() float64 {
	var u syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func main() {
	url = "http://127.0.0.1:" + os.Args[1]
	kind := os.Args[2]
	first, err := strconv.Atoi(os.Args[3])
	must(err)
	count, err := strconv.Atoi(os.Args[4])
	must(err)
	tracer := map[string]string{"tracer": "callTracer"}
	used, began := cpu(), time.Now()
	for height := first; height < first+count; height++ {
		at := fmt.Sprintf("0x%x", height)
		if kind == "evm" {
			var b block
			var r []receipt
			var t []trace
			ask([]any{&b, &r, &t},
				call{Method: "eth_getBlockByNumber", Params: []any{at, true}},
				call{Method: "eth_getBlockReceipts", Params: []any{at}},
				call{Method: "debug_traceBlockByNumber", Params: []any{at, tracer}})
			continue
		}
		var hash, raw string
		var b bitcoinBlock
		ask([]any{&hash}, call{Method: "getblockhash", Params: []any{height}})
		if kind == "full" {
			ask([]any{&b}, call{Method: "getblock", Params: []any{hash, 3}})
		} else {
			ask([]any{&raw}, call{Method: "getblock", Params: []any{hash, 0}})
		}
	}
	fmt.Println(size, cpu()-used, time.Since(began).Seconds())
}
