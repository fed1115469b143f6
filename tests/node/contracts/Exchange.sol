// SPDX-License-Identifier: Apache-2.0
// A pool of two tokens whose product stays constant, and a router before it that also takes and
// gives ether.
pragma solidity ^0.8.0;

interface IToken {
    function balanceOf(address who) external view returns (uint256);
    function approve(address spender, uint256 amount) external returns (bool);
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

interface IWrapped is IToken {
    function deposit() external payable;
    function withdraw(uint256 amount) external;
}

contract Pool {
    IToken public immutable first;
    IToken public immutable second;

    constructor(IToken first_, IToken second_) {
        first = first_;
        second = second_;
    }

    // What `amount` of `paid` buys, less 0.3 %, by the balances as they stand.
    function quote(IToken paid, uint256 amount) public view returns (uint256) {
        IToken bought = paid == first ? second : first;
        uint256 worth = amount * 997;
        return worth * bought.balanceOf(address(this)) /
            (paid.balanceOf(address(this)) * 1000 + worth);
    }

    function swap(IToken paid, uint256 amount, address to) external returns (uint256 out) {
        require(paid == first || paid == second, "no such token");
        out = quote(paid, amount);
        paid.transferFrom(msg.sender, address(this), amount);
        (paid == first ? second : first).transfer(to, out);
    }
}

contract Router {
    IWrapped public immutable wrapped;

    constructor(IWrapped wrapped_) {
        wrapped = wrapped_;
    }

    receive() external payable {
        require(msg.sender == address(wrapped), "only unwrapped ether");
    }

    function tokensForTokens(Pool pool, IToken paid, uint256 amount, address to) public {
        paid.transferFrom(msg.sender, address(this), amount);
        paid.approve(address(pool), amount);
        pool.swap(paid, amount, to);
    }

    function etherForTokens(Pool pool, address to) external payable {
        wrapped.deposit{value: msg.value}();
        wrapped.approve(address(pool), msg.value);
        pool.swap(wrapped, msg.value, to);
    }

    function tokensForEther(Pool pool, IToken paid, uint256 amount, address to) external {
        paid.transferFrom(msg.sender, address(this), amount);
        paid.approve(address(pool), amount);
        uint256 out = pool.swap(paid, amount, address(this));
        wrapped.withdraw(out);
        (bool sent, ) = to.call{value: out}("");
        require(sent, "not taken");
    }
}
