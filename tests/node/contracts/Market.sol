// SPDX-License-Identifier: Apache-2.0
// A market in the manner of Uniswap 2: pairs that keep the product of their reserves constant, are
// tokens themselves (shares of what lies in them), and are paid before they are asked to pay; a
// router before them; one who lends for the length of a call; one who trades for several people
// at once.
//
// The pair keeps everything in storage and has no constructor, so that its runtime code can be put
// at the address of a listed token: shares of it are then on dyepack's list. Events have the names
// and arguments of Uniswap's own (Uniswap v2-core, contracts/UniswapV2Pair.sol), the code is ours.
pragma solidity ^0.8.0;

import {IToken, IWrapped} from "Exchange.sol";

contract Pair {
    event Transfer(address indexed from, address indexed to, uint256 value);
    event Mint(address indexed sender, uint256 amount0, uint256 amount1);
    event Burn(address indexed sender, uint256 amount0, uint256 amount1, address indexed to);
    event Swap(address indexed sender, uint256 amount0In, uint256 amount1In, uint256 amount0Out,
               uint256 amount1Out, address indexed to);
    event Sync(uint112 reserve0, uint112 reserve1);

    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    uint256 public totalSupply;
    IToken public token0;
    IToken public token1;
    uint112 public reserve0;
    uint112 public reserve1;

    function initialize(IToken first, IToken second) external {
        require(address(token0) == address(0), "it is there");
        token0 = first;
        token1 = second;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
        emit Transfer(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        emit Transfer(from, to, amount);
        return true;
    }

    function sync() private {
        reserve0 = uint112(token0.balanceOf(address(this)));
        reserve1 = uint112(token1.balanceOf(address(this)));
        emit Sync(reserve0, reserve1);
    }

    // Shares for what has been paid in since the last call.
    function mint(address to) external returns (uint256 made) {
        uint256 in0 = token0.balanceOf(address(this)) - reserve0;
        uint256 in1 = token1.balanceOf(address(this)) - reserve1;
        if (totalSupply == 0) {
            made = in0; // a share is what one unit of the first token brought
        } else {
            uint256 by0 = in0 * totalSupply / reserve0;
            uint256 by1 = in1 * totalSupply / reserve1;
            made = by0 < by1 ? by0 : by1;
        }
        require(made > 0, "nothing came in");
        totalSupply += made;
        balanceOf[to] += made;
        emit Transfer(address(0), to, made);
        sync();
        emit Mint(msg.sender, in0, in1);
    }

    // What the shares that lie here stand for goes to `to`.
    function burn(address to) external returns (uint256 out0, uint256 out1) {
        uint256 shares = balanceOf[address(this)];
        out0 = shares * token0.balanceOf(address(this)) / totalSupply;
        out1 = shares * token1.balanceOf(address(this)) / totalSupply;
        require(shares > 0, "no shares came in");
        balanceOf[address(this)] = 0;
        totalSupply -= shares;
        emit Transfer(address(this), address(0), shares);
        token0.transfer(to, out0);
        token1.transfer(to, out1);
        sync();
        emit Burn(msg.sender, out0, out1, to);
    }

    // Pays out first, and then looks whether enough was paid in, less 0.3 %.
    function swap(uint256 out0, uint256 out1, address to) external {
        require(out0 < reserve0 && out1 < reserve1, "not so much there");
        if (out0 > 0) token0.transfer(to, out0);
        if (out1 > 0) token1.transfer(to, out1);
        uint256 has0 = token0.balanceOf(address(this));
        uint256 has1 = token1.balanceOf(address(this));
        uint256 in0 = has0 > reserve0 - out0 ? has0 - (reserve0 - out0) : 0;
        uint256 in1 = has1 > reserve1 - out1 ? has1 - (reserve1 - out1) : 0;
        require(in0 > 0 || in1 > 0, "nothing came in");
        require((has0 * 1000 - in0 * 3) * (has1 * 1000 - in1 * 3) >=
                uint256(reserve0) * reserve1 * 1000000, "too little came in");
        emit Swap(msg.sender, in0, in1, out0, out1, to);
        sync();
    }
}

contract PairRouter {
    IWrapped public immutable wrapped;

    constructor(IWrapped wrapped_) {
        wrapped = wrapped_;
    }

    receive() external payable {
        require(msg.sender == address(wrapped), "only unwrapped ether");
    }

    function bought(Pair pair, IToken paid, uint256 amount) public view returns (uint256) {
        bool isFirst = pair.token0() == paid;
        uint256 from = isFirst ? pair.reserve0() : pair.reserve1();
        uint256 to = isFirst ? pair.reserve1() : pair.reserve0();
        return amount * 997 * to / (from * 1000 + amount * 997);
    }

    // `amount` of `paid` lies in the pair already.
    function trade(Pair pair, IToken paid, uint256 amount, address to) private returns (uint256) {
        uint256 out = bought(pair, paid, amount);
        bool isFirst = pair.token0() == paid;
        pair.swap(isFirst ? 0 : out, isFirst ? out : 0, to);
        return out;
    }

    function sellTokens(Pair pair, IToken paid, uint256 amount, uint256 least, address to) public {
        paid.transferFrom(msg.sender, address(pair), amount);
        require(trade(pair, paid, amount, to) >= least, "less than wanted");
    }

    function sellThroughTwo(Pair[] calldata pairs, IToken paid, IToken middle, uint256 amount,
                            address to) external {
        paid.transferFrom(msg.sender, address(pairs[0]), amount);
        uint256 out = trade(pairs[0], paid, amount, address(pairs[1]));
        trade(pairs[1], middle, out, to);
    }

    function sellEther(Pair pair, uint256 least, address to) external payable {
        wrapped.deposit{value: msg.value}();
        wrapped.transfer(address(pair), msg.value);
        require(trade(pair, wrapped, msg.value, to) >= least, "less than wanted");
    }

    function buyEther(Pair pair, IToken paid, uint256 amount, address to) external {
        paid.transferFrom(msg.sender, address(pair), amount);
        uint256 out = trade(pair, paid, amount, address(this));
        wrapped.withdraw(out);
        (bool sent, ) = to.call{value: out}("");
        require(sent, "not taken");
    }

    function addLiquidity(Pair pair, uint256 amount0, uint256 amount1, address to) external {
        pair.token0().transferFrom(msg.sender, address(pair), amount0);
        pair.token1().transferFrom(msg.sender, address(pair), amount1);
        pair.mint(to);
    }

    function removeLiquidity(Pair pair, uint256 shares, address to) external {
        pair.transferFrom(msg.sender, address(pair), shares);
        pair.burn(to);
    }
}

// Lends all it has to whoever gives it back, with a fee, before the call is over.
contract Lender {
    function lend(IToken token, uint256 amount, uint256 fee, bytes calldata what) external {
        uint256 had = token.balanceOf(address(this));
        token.transfer(msg.sender, amount);
        (bool done, ) = msg.sender.call(what);
        require(done, "the borrower failed");
        require(token.balanceOf(address(this)) >= had + fee, "not given back");
    }
}

// Borrows, passes what it borrowed through somebody else's hands, and gives it back; its owner pays
// the fee. Or trades with it in two pairs, and its owner gets what is left.
contract Flasher {
    function show(Lender lender, IToken token, uint256 amount, uint256 fee) external {
        token.transferFrom(msg.sender, address(this), fee);
        lender.lend(token, amount, fee,
                    abi.encodeCall(this.giveBack, (token, amount + fee, address(lender))));
    }

    function giveBack(IToken token, uint256 amount, address lender) external {
        token.transfer(lender, amount);
    }

    struct Plan {
        Lender lender;
        PairRouter router;
        Pair first;
        Pair second;
        IToken token;
        IToken other;
        uint256 amount;
    }

    function trade(Plan calldata plan) external {
        plan.lender.lend(plan.token, plan.amount, 0, abi.encodeCall(this.twice, (plan)));
        plan.token.transfer(msg.sender, plan.token.balanceOf(address(this)));
    }

    function twice(Plan calldata plan) external {
        plan.token.approve(address(plan.router), plan.amount);
        plan.router.sellTokens(plan.first, plan.token, plan.amount, 0, address(this));
        uint256 has = plan.other.balanceOf(address(this));
        plan.other.approve(address(plan.router), has);
        plan.router.sellTokens(plan.second, plan.other, has, 0, address(this));
        plan.token.transfer(address(plan.lender), plan.amount);
    }
}

// Trades for several people in one transaction, as solvers of batch auctions do: takes a token from
// each, and pays each in ether, which whoever calls it has brought.
contract Batch {
    function settle(IToken token, address[] calldata from, uint256[] calldata paid,
                    address[] calldata to, uint256[] calldata got) external payable {
        uint256 left = msg.value;
        for (uint256 i = 0; i < from.length; i++) {
            token.transferFrom(from[i], msg.sender, paid[i]);
            (bool sent, ) = to[i].call{value: got[i]}("");
            require(sent, "not taken");
            left -= got[i];
        }
        (bool back, ) = msg.sender.call{value: left}("");
        require(back, "not taken");
    }
}
