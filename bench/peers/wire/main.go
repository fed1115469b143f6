// The peer that reading block files is measured against, in Go: btcd's wire package parses every
// block of a folder. Nothing is kept, and what inputs are worth is not known.
//
//	peer-wire FOLDER ids            the ids of transactions
//	peer-wire FOLDER addresses      also the merkle root, checked, and the addresses of outputs:
//	                                what a parser that writes tables of them has to do
//
// Prints "BYTES CPU_SECONDS WALL_SECONDS".
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"syscall"
	"time"

	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func cpu() float64 {
	var u syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func root(nodes []chainhash.Hash) chainhash.Hash {
	var pair [64]byte
	for len(nodes) > 1 {
		if len(nodes)%2 != 0 {
			nodes = append(nodes, nodes[len(nodes)-1])
		}
		for i := 0; i < len(nodes)/2; i++ {
			copy(pair[:32], nodes[2*i][:])
			copy(pair[32:], nodes[2*i+1][:])
			nodes[i] = chainhash.DoubleHashH(pair[:])
		}
		nodes = nodes[:len(nodes)/2]
	}
	return nodes[0]
}

func main() {
	// One processor, as all are measured here; the garbage collector shares it.
	runtime.GOMAXPROCS(1)
	names, err := filepath.Glob(filepath.Join(os.Args[1], "blk*.dat"))
	must(err)
	sort.Strings(names)
	used, began := cpu(), time.Now()
	withAddresses := os.Args[2] == "addresses"
	size, addresses, mix := 0, 0, byte(0)
	var ids []chainhash.Hash
	var record []byte
	for _, name := range names {
		file, err := os.Open(name)
		must(err)
		in := bufio.NewReaderSize(file, 1<<20)
		for {
			var head [8]byte
			if _, err := io.ReadFull(in, head[:]); err != nil {
				break
			}
			n := int(binary.LittleEndian.Uint32(head[4:]))
			if n == 0 {
				break // zeros at the end of a file
			}
			if cap(record) < n {
				record = make([]byte, n)
			}
			record = record[:n]
			_, err := io.ReadFull(in, record)
			must(err)
			var block wire.MsgBlock
			must(block.Deserialize(bytes.NewReader(record)))
			ids = ids[:0]
			for _, tx := range block.Transactions {
				ids = append(ids, tx.TxHash())
				mix ^= ids[len(ids)-1][0]
				for i := 0; withAddresses && i < len(tx.TxOut); i++ {
					_, to, _, _ := txscript.ExtractPkScriptAddrs(
						tx.TxOut[i].PkScript, &chaincfg.MainNetParams)
					for _, address := range to {
						mix ^= address.EncodeAddress()[0]
						addresses++
					}
				}
			}
			if withAddresses && root(ids) != block.Header.MerkleRoot {
				must(fmt.Errorf("%s: a merkle root does not come out", name))
			}
			size += n
		}
		file.Close()
	}
	fmt.Println(size, cpu()-used, time.Since(began).Seconds(), addresses, mix)
}
