#!/usr/bin/env python3
"""The net-flow model against transactions that a person can work out (tests/model/netflow.py)."""
import unittest

import netflow

ASSETS = [("eth", None, 18, "ether", 885, 3075, 3960), ("weth", "W", 18, "ether", 885, 3075, 3960),
          ("usdt", "T", 6, "dollar", 1, 1, 2), ("share", "P", 18, None, None, None, None)]
ETHER, DOLLAR = 10 ** 18, 10 ** 6


class Shares(unittest.TestCase):
    """(loser, units of what, gainer, units of what) of a transaction's rows."""

    def shares(self, *rows, sender=None):
        nets = netflow.Nets([(i, *row) for i, row in enumerate(rows)], ASSETS, sender)
        return {(s["loser"], s["units"], s["asset"], s["gainer"], s["gained"], s["into"])
                for s in nets.shares()}

    def test_a_swap_is_between_the_two_who_traded(self):
        self.assertEqual(
            self.shares(("a", "pool", "eth", 2 * ETHER), ("pool", "a", "usdt", 4000 * DOLLAR)),
            {("a", 2 * ETHER, "eth", "a", 4000 * DOLLAR, "usdt"),
             ("pool", 4000 * DOLLAR, "usdt", "pool", 2 * ETHER, "eth")})

    def test_to_somebody_else(self):
        self.assertEqual(
            self.shares(("a", "router", "eth", ETHER), ("router", "pool", "eth", ETHER),
                        ("pool", "b", "usdt", 2000 * DOLLAR)),
            {("a", ETHER, "eth", "b", 2000 * DOLLAR, "usdt"),
             ("pool", 2000 * DOLLAR, "usdt", "pool", ETHER, "eth")})

    def test_wrapping_is_a_trade_with_the_wrapper(self):
        self.assertEqual(
            self.shares(("a", "W", "eth", ETHER), (None, "a", "weth", ETHER)),
            {("a", ETHER, "eth", "a", ETHER, "weth"), (None, ETHER, "weth", "W", ETHER, "eth")})

    def test_a_flash_loan_leaves_its_fee(self):
        rows = [("a", "taker", "weth", 1), ("lender", "taker", "weth", 1000),
                ("taker", "lender", "weth", 1001)]
        self.assertEqual(self.shares(*rows), {("a", 1, "weth", "lender", 1, "weth")})

    def test_what_is_absurd_is_no_trade(self):
        self.assertEqual(
            self.shares(("a", "b", "eth", 10_000 * ETHER), ("b", "a", "usdt", DOLLAR)),
            {("a", 10_000 * ETHER, "eth", "b", 10_000 * ETHER, "eth"),
             ("b", DOLLAR, "usdt", "a", DOLLAR, "usdt")})

    def test_in_a_batch_each_has_his_own(self):
        self.assertEqual(
            self.shares(("b", "house", "eth", 4 * ETHER), ("house", "x", "eth", 3 * ETHER),
                        ("house", "y", "eth", ETHER), ("x", "b", "usdt", 6000 * DOLLAR),
                        ("y", "b", "usdt", 2000 * DOLLAR)),
            {("x", 6000 * DOLLAR, "usdt", "x", 3 * ETHER, "eth"),
             ("y", 2000 * DOLLAR, "usdt", "y", ETHER, "eth"),
             ("b", 4 * ETHER, "eth", "b", 8000 * DOLLAR, "usdt")})

    def test_liquidity_is_cut_by_worth(self):
        """1,980 dollars and an ether are worth the same in the middle of their bounds."""
        self.assertEqual(
            self.shares(("a", "P", "usdt", 1980 * DOLLAR), ("a", "P", "weth", ETHER),
                        (None, "a", "share", 1000)),
            {("a", 1980 * DOLLAR, "usdt", "a", 500, "share"),
             ("a", ETHER, "weth", "a", 500, "share"),
             (None, 500, "share", "P", 1980 * DOLLAR, "usdt"),
             (None, 500, "share", "P", ETHER, "weth")})

    def test_plain_payments_need_no_net(self):
        rows = [(0, "a", "b", "eth", 1), (1, "b", "c", "eth", 1)]
        self.assertFalse(netflow.Nets(rows, ASSETS, None).needed())
        back = [(0, "a", "b", "eth", 1), (1, "b", "a", "usdt", 1)]
        self.assertTrue(netflow.Nets(back, ASSETS, None).needed())


class Taint(unittest.TestCase):
    """The account model on top of it."""

    def test_origin_crosses_a_swap_whole(self):
        world = {"kind": "account", "policy": "fifo", "listed": ASSETS,
                 "seeds": [{"case": "c", "address": "a", "asset": "eth", "amount": 3 * ETHER}],
                 "txs": [{"id": "1", "block": 1, "moves": [
                     {"kind": "native", "from": "a", "to": "pool", "asset": "eth",
                      "amount": 2 * ETHER},
                     {"kind": "token", "from": "pool", "to": "a", "asset": "usdt",
                      "amount": 4000 * DOLLAR}]}]}
        result = netflow.NetModel(world).run()
        self.assertEqual([(h["holder"], h["asset"], h["runs"]) for h in result["holders"]],
                         [("a", "eth", [[ETHER, 1, ETHER]]),
                          ("a", "usdt", [[4000 * DOLLAR, 1, 2 * ETHER]])])
        self.assertTrue(result["conserved"])


if __name__ == "__main__":
    unittest.main()
