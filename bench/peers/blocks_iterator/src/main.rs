// The peer that reading block files is measured against, in Rust: the library blocks_iterator
// reads a folder, puts its blocks in order and computes the ids of their transactions. What inputs
// are worth it could only tell with every block since the first one, which no measurement has.
//
//     peer-blocks-iterator FOLDER
//
// The blocks must be chained to the main chain's first. Prints "BYTES CPU_SECONDS WALL_SECONDS";
// the library runs four threads, whose times are added.
use blocks_iterator::bitcoin::Network;
use blocks_iterator::Config;
use std::time::Instant;

// User and system time of all threads, from /proc/self/stat in ticks of 1/100 s.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").expect("Linux has /proc");
    let after_name = &text[text.rfind(')').expect("a name in brackets") + 2..];
    let field: Vec<&str> = after_name.split(' ').collect();
    let ticks: u64 = field[11].parse::<u64>().unwrap() + field[12].parse::<u64>().unwrap();
    ticks as f64 / 100.0
}

fn main() {
    let folder = std::env::args().nth(1).expect("give a folder");
    let mut config = Config::new(folder, Network::Bitcoin);
    config.skip_prevout = true;
    config.max_reorg = 1;
    let (used, began) = (cpu(), Instant::now());
    let (mut size, mut txs) = (0u64, 0u64);
    for block in blocks_iterator::iter(config) {
        size += block.size() as u64;
        txs += block.txids().len() as u64;
    }
    println!("{} {} {} {}", size, cpu() - used, began.elapsed().as_secs_f64(), txs);
}
