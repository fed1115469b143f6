"""Net flows inside one transaction, the slow way: the oracle of swaps.

What it is. A second statement of the rules in src/link/net.h, in plain lists and Fractions, and an
account model (tests/model/model.py) that applies them: what was swapped moves its origin over to
what came out. Written from the rules' text and from nothing else; where a transaction is made so
that the rules leave no choice, a person can work out the same by hand.

A world may have, beside what model.py knows:

  "listed"   [[asset, contract or null, decimals, kind or null, low, high, middle]], in the order of
             dyepack's list: what a whole coin was worth in the year of the world, by the bounds of
             src/link/worth.c (Fractions or whole numbers); kind null: worth nobody knows
  "sender"   of each transaction that has one: who signed it
  "deeds"    of a transaction: [["freeze" | "release" | "destroy", address, asset]]: what the
             issuer says in it
"""
from fractions import Fraction

import model


def is_nobody(address):
    return address is None or address.lower() == model.ZERO


class Lot:
    """So much of an asset that was the loser's before and is the gainer's after."""

    def __init__(self, loser, holder, asset, units, mv, mv_out, minted=False, burnt=False):
        self.loser, self.holder, self.asset, self.units = loser, holder, asset, units
        self.mv, self.mv_out, self.minted, self.burnt = mv, mv_out, minted, burnt
        self.given = self.gotten = self.exchanged = False

    def part(self, units):
        return Lot(self.loser, self.holder, self.asset, units, self.mv, self.mv_out, self.minted,
                   self.burnt)


class Nets:
    """The shares of one transaction. `rows`: [(index, from, to, asset, amount)] of value."""

    def __init__(self, rows, listed, sender):
        self.listed = {row[0]: row for row in listed}
        self.number = {row[0]: n for n, row in enumerate(listed)}
        self.sender = sender
        self.rows = []
        for index, source, target, asset, amount in rows:
            minted, burnt = is_nobody(source), is_nobody(target)
            contract = self.listed[asset][1]
            source, target = (contract if minted else source), (contract if burnt else target)
            if source != target:
                self.rows.append((index, source, target, asset, amount, minted, burnt))

    def needed(self):
        return any(paid[1] == got[2] and (paid[3] != got[3] or got[0] > paid[0])
                   for paid in self.rows for got in self.rows
                   if paid[1] is not None)

    # Rules 1 and 2.

    def lots(self):
        found = []
        for asset in sorted({row[3] for row in self.rows}, key=self.number.get):
            found += sorted(self.lots_of([r for r in self.rows if r[3] == asset]),
                            key=lambda lot: (lot.mv_out, lot.mv))
        return found

    @staticmethod
    def lots_of(rows):
        queues, order = {}, []
        for index, source, target, asset, amount, minted, burnt in rows:
            for who in (source, target):
                if who not in order:
                    order.append(who)
            queue, left = queues.setdefault(source, []), amount
            while left:
                if not queue:
                    piece = Lot(source, None, asset, left, index, index, minted)
                elif queue[0].units <= left:
                    piece = queue.pop(0)
                else:
                    piece = queue[0].part(left)
                    queue[0].units -= left
                left -= piece.units
                piece.mv, piece.burnt, piece.holder = index, burnt, target
                if piece.loser != target:
                    queues.setdefault(target, []).append(piece)
        pieces = [piece for queue in queues.values() for piece in queue]
        for who in order:
            got = sorted((p for p in pieces if p.holder == who), key=lambda p: (p.mv, p.mv_out))
            gave = sorted((p for p in pieces if p.loser == who), key=lambda p: (p.mv_out, p.mv))
            while got and gave:
                units = min(got[0].units, gave[0].units)
                through = Lot(got[0].loser, gave[0].holder, gave[0].asset, units, gave[0].mv,
                              got[0].mv_out, got[0].minted, gave[0].burnt)
                if through.loser != through.holder:
                    pieces.append(through)
                for side in (got, gave):
                    side[0].units -= units
                    if side[0].units == 0:
                        pieces.remove(side.pop(0))
        return pieces

    # Worth.

    def verdict(self, given, gotten, divisor):
        """Can `gotten` have been got for `given`? "much", "little", True, or None: unknown."""
        if not given or not gotten:
            return None
        kinds = {self.listed[lot.asset][3] for lot in given + gotten}
        if None in kinds:
            return None
        def value(lots, bound):
            return sum(Fraction(lot.units, 10 ** self.listed[lot.asset][2]) *
                       (1 if len(kinds) == 1 else self.listed[lot.asset][bound]) for lot in lots)
        low, high = 4, 5
        if value(gotten, high) * divisor < value(given, low):
            return "little"
        return "much" if value(gotten, low) > value(given, high) * divisor else True

    def weight(self, asset, units):
        row = self.listed[asset]
        if row[3] is None:
            return None
        return Fraction(units, 10 ** row[2]) * row[6]

    # Rules 3 and 4.

    def ask(self, who, lots):
        """Is this a converter? Marks what it gave away or was given beside its trade."""
        lost = [lot for lot in lots if lot.loser == who]
        got = [lot for lot in lots if lot.holder == who]
        if not lost or not got:
            return False
        for divisor in (1, 2):
            said = self.verdict(lost, got, divisor)
            if said not in ("little", "much"):
                return True
            side, name = (lost, "holder") if said == "little" else (got, "loser")
            for lot in side:
                only = [x for x in side if getattr(x, name) == getattr(lot, name)]
                if len(only) == len(side):
                    break
                parts = (only, got) if said == "little" else (lost, only)
                if self.verdict(*parts, divisor) is True:
                    for x in side:
                        if x not in only:
                            setattr(x, "given" if said == "little" else "gotten", True)
                    return True
        return False

    def shares(self):
        """[{loser, asset, units, gainer, into, gained, mv, mv_out, swap}], in order."""
        lots = self.lots()
        people = []
        for row in self.rows:
            people += [who for who in row[1:3] if who not in people]
        converters = {who for who in people if self.ask(who, lots)}
        while True:
            trades = self.settle(lots, people, converters)
            idle = {c for c in converters
                    if not any(x.exchanged and not x.given and x.loser == c for x in lots) or
                    not any(x.exchanged and not x.gotten and x.holder == c for x in lots)}
            if not idle:
                break
            converters -= idle
        found = []
        for lot in lots:
            if not lot.exchanged:
                found.append({"loser": None if lot.minted else lot.loser, "asset": lot.asset,
                              "units": lot.units, "into": lot.asset, "gained": lot.units,
                              "gainer": None if lot.burnt else lot.holder, "mv": lot.mv,
                              "mv_out": lot.mv_out, "swap": False})
        for losses, gains in trades:
            found += self.split(losses, gains)
        return sorted(found, key=lambda s: (s["mv_out"], s["mv"], s["swap"],
                                            self.number[s["into"]], s["gainer"] or ""))

    def settle(self, lots, people, converters):
        """What is exchanged for what, when these are the converters: [(losses, gains)]."""
        def sold(lot):
            return lot.loser in converters and not lot.given
        def bought(lot):
            return lot.holder in converters and not lot.gotten
        market = {who: {who} for who in people}  # who trades together, by sharing one set
        for lot in lots:
            lot.exchanged = sold(lot) and bought(lot)
            if lot.exchanged:
                joined = market[lot.loser] | market[lot.holder]
                for who in joined:
                    market[who] = joined
        trades, done = [], []
        sent = {}
        for who in people:
            if who not in converters or market[who] in done:
                continue
            done.append(market[who])
            inward = [x for x in lots if bought(x) and not sold(x) and x.holder in market[who]]
            outward = [x for x in lots if sold(x) and not bought(x) and x.loser in market[who]]
            trades += self.settle_market(inward, outward, lots, market[who], converters, sent)
        for who in people:
            if who in converters:
                losses = [x for x in lots if x.loser == who and x.exchanged and not x.given]
                gains = [x for x in lots if x.holder == who and x.exchanged and not x.gotten]
                if losses and gains:
                    trades.append((losses, gains + sent.get(who, [])))
        return trades

    def settle_market(self, inward, outward, lots, inside, converters, sent):
        trades, rest_in, rest_out = [], [], []
        outside = {x.loser for x in inward} | {x.holder for x in outward}
        for who in sorted(outside, key=lambda w: w or ""):
            paid = [x for x in inward if x.loser == who]
            got = [x for x in outward if x.holder == who]
            if paid and got and self.verdict(paid, got, 2) not in ("little", "much"):
                trades.append((paid, got))
            elif paid:
                rest_in += paid
            else:
                rest_out += got
        if rest_in and rest_out and self.verdict(rest_in, rest_out, 2) not in ("little", "much"):
            trades.append((rest_in, rest_out))
        elif rest_out and not rest_in and self.sender in converters and self.sender in inside:
            losses = [x for x in lots if x.loser == self.sender and x.exchanged and not x.given]
            gains = [x for x in lots if x.holder == self.sender and x.exchanged and not x.gotten]
            his = [x for x in rest_out if x.loser != self.sender and any(
                g.loser == x.loser and g.asset == x.asset for g in gains)]
            if his and self.verdict(losses, gains + his, 1) not in ("little", "much"):
                sent[self.sender] = his
                for lot in his:
                    lot.exchanged = True
        for losses, gains in trades:
            for lot in losses + gains:
                lot.exchanged = True
        return trades

    # Rule 5.

    def sides(self, lots, is_loss):
        """The lots of one party and asset as one, in the order in which they are cut."""
        found = {}
        for lot in lots:
            who = lot.loser if is_loss else lot.holder
            key = (who, lot.asset, is_loss and lot.minted)
            if key in found:
                side = found[key]
                side.units += lot.units
                side.mv, side.mv_out = max(side.mv, lot.mv), min(side.mv_out, lot.mv_out)
            else:
                found[key] = lot.part(lot.units)
        def place(side):
            last = (side.mv_out, not side.minted, side.mv) if is_loss else (side.mv, side.mv_out)
            return (self.number[side.asset], *last)
        return sorted(found.values(), key=place)

    def cut(self, whole, sides):
        """`whole` over the sides: over their assets by worth, and within an asset by units."""
        assets = []
        for side in sides:
            if side.asset not in assets:
                assets.append(side.asset)
        units = [[s.units for s in sides if s.asset == a] for a in assets]
        weights = [self.weight(a, sum(u)) for a, u in zip(assets, units)]
        if None in weights:
            weights = [1] * len(assets)
        parts = []
        for of, inside in zip(floors(whole, weights), units):
            parts += floors(of, inside)
        return parts

    def split(self, losses, gains):
        losses, gains = self.sides(losses, True), self.sides(gains, False)
        found = []
        gained = [self.cut(gain.units, losses) for gain in gains]
        for i, loss in enumerate(losses):
            for k, (gain, units) in enumerate(zip(gains, self.cut(loss.units, gains))):
                if units:
                    found.append({"loser": None if loss.minted else loss.loser, "swap": True,
                                  "asset": loss.asset, "units": units, "gainer": gain.holder,
                                  "into": gain.asset, "gained": gained[k][i], "mv": gain.mv,
                                  "mv_out": loss.mv_out})
        return found


def floors(whole, weights):
    """By cumulative floors; weights may be Fractions."""
    parts, running, before = [], 0, 0
    for weight in weights:
        running += weight
        now = int(whole * running / Fraction(sum(weights)))
        parts.append(now - before)
        before = now
    return parts


class NetModel(model.AccountModel):
    """An account model that follows net flows where a transaction needs them, and freezes."""

    def __init__(self, world):
        super().__init__(world)
        self.frozen = {}  # (address, asset) -> content that is stopped there
        self.stopped = set()  # what is frozen, followed or not

    def apply(self, tx):
        shares = self.shares_of(tx)
        if shares is None:
            super().apply(tx)
        else:
            early = {}
            for share in shares:
                self.apply_share(tx, share, early)
            for move in tx["moves"]:
                if not self.moves_something(move):
                    continue
                if move["kind"] == "fee":
                    self.move(tx, move, [], [])
                else:
                    self.notice(move)
        for deed, who, asset in tx.get("deeds", []):
            getattr(self, deed)((who, asset), tx)

    def shares_of(self, tx):
        """None: what the rows say is enough, or a person has looked at them."""
        value = [(i, m["from"], m["to"], m["asset"], int(m["amount"]))
                 for i, m in enumerate(tx["moves"])
                 if self.moves_something(m) and m["kind"] != "fee"]
        named = any(s.get("tx") == tx["id"] for s in self.seeds) or \
            any(tx["id"] in link["txs"] for link in self.links)
        if named or len(value) < 2 or not any((row[1], row[3]) in self.pools for row in value):
            return None
        nets = Nets(value, self.world["listed"], tx.get("sender"))
        return nets.shares() if nets.needed() else None

    def notice(self, move):
        """Balances of those who are not followed are what the rows say."""
        amount = int(move["amount"])
        source, target = (move["from"], move["asset"]), (move["to"], move["asset"])
        if not is_nobody(move["from"]) and source not in self.pools:
            self.seen[source] = max(0, self.seen.get(source, 0) - amount)
        if not is_nobody(move["to"]) and target not in self.pools:
            self.seen[target] = self.seen.get(target, 0) + amount

    def apply_share(self, tx, share, early):
        source, target = (share["loser"], share["asset"]), (share["gainer"], share["into"])
        if source in self.pools:
            leaves = {"from": share["loser"], "asset": share["asset"], "kind": "token"}
            content = self.take(leaves, share["units"], [])
        else:
            content = self.clean_content(share["units"])
        if share["swap"]:
            content = self.converted(content, share["gained"])
        fate = self.fate(share["gainer"], share["gained"])
        if fate is not None:
            self.arrive(fate, share["gainer"], share["into"], tx["id"], content)
            content = self.clean_content(share["gained"])
        if is_nobody(share["gainer"]):
            return
        content = self.stop(target, content, share["gained"], fate)
        if target not in self.pools:
            if not tainted(content):
                early[target] = early.get(target, 0) + share["gained"]
                return
            self.seen[target] = self.seen.get(target, 0) + early.get(target, 0)
        self.arrives(target, source, content, share["gained"])

    def arrives(self, target, source, content, amount):
        """A place for those who count hops."""
        self.put(target, content, amount)

    def converted(self, content, amount):
        """The content of `amount` units of another asset that were got for this."""
        if not tainted(content):
            return self.clean_content(amount)
        if self.policy == "poison":
            return model.Marked(amount, {c: amount for c in content.marks})
        runs = model.gathered(self.normal(content))
        shares = model.by_cumulative_floor(amount, [u for u, _, _ in runs], model.total(runs))
        made, owed = [], {}
        for units, (_, colour, origin) in zip(shares, runs):
            origin += owed.pop(colour, 0)
            if units:
                made.append((units, colour, origin))
            elif origin:
                owed[colour] = origin
        for colour, origin in owed.items():
            places = [i for i, run in enumerate(made) if run[1] == colour]
            if places:
                units, _, had = made[places[-1]]
                made[places[-1]] = (units, colour, had + origin)
            else:
                self.buckets[colour - 1]["dust"] += origin
        return made

    # What an issuer stops.

    def stop(self, key, content, amount, fate):
        """What arrives where it is frozen is stopped there, unless it ends there anyway."""
        if key not in self.stopped or fate is not None or not tainted(content):
            return content
        self.book("frozen", content)
        self.hold(key, content)
        return self.clean_content(0)

    def hold(self, key, content):
        assert self.policy != "poison"
        self.frozen[key] = self.normal(self.frozen.get(key, []) + list(content))

    def put(self, key, content, amount):
        # What comes in as a plain movement has had its fate decided already.
        fate = "stop" if key[0] in self.stops else None
        stopped = self.stop(key, content, amount, fate)
        super().put(key, stopped, 0 if stopped is not content else amount)

    def freeze(self, key, _):
        self.stopped.add(key)
        if key in self.pools and tainted(self.pools[key]):
            self.book("frozen", self.pools[key])
            self.hold(key, self.pools[key])
            self.pools[key] = []

    def release(self, key, _):
        self.stopped.discard(key)
        content = self.frozen.pop(key, [])
        for _, colour, origin in content:
            if colour != model.CLEAN:
                self.unbook("frozen", colour, origin)
        if content:
            super().put(key, content, model.total(content))

    def destroy(self, key, _):
        stopped = self.frozen.pop(key, [])
        for _, colour, origin in stopped:
            if colour != model.CLEAN:
                self.unbook("frozen", colour, origin)
        content = stopped + list(self.pools.get(key, []))
        for _, colour, origin in content:
            if colour != model.CLEAN:
                self.buckets[colour - 1]["burnt"] += origin
        self.pools[key] = []


def tainted(content):
    return bool(model.tainted_parts(content))
