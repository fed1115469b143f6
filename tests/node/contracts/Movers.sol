// SPDX-License-Identifier: Apache-2.0
// Contracts that pass ether on, each in a way that a reader of ledgers can get wrong.
pragma solidity ^0.8.0;

// Sends what it is given on in parts; the last one gets the rest.
contract Splitter {
    function split(address[] calldata to, uint256[] calldata parts) external payable {
        uint256 left = msg.value;
        for (uint256 i = 0; i + 1 < to.length; i++) {
            left -= parts[i];
            (bool sent, ) = to[i].call{value: parts[i]}("");
            require(sent, "not taken");
        }
        (bool last, ) = to[to.length - 1].call{value: left}("");
        require(last, "not taken");
    }
}

// Pays somebody and then fails: what it paid did not happen, whatever the trace shows inside.
contract Breaker {
    address payable immutable friend;

    constructor(address payable friend_) {
        friend = friend_;
    }

    receive() external payable {
        friend.transfer(msg.value);
        revert("changed my mind");
    }
}

contract Forwarder {
    receive() external payable {}

    // A third to each, and the middle one fails; its third goes home.
    function halfway(address payable a, address broken, address payable b) external payable {
        uint256 third = msg.value / 3;
        a.transfer(third);
        (bool sent, ) = broken.call{value: third, gas: 100000}("");
        require(!sent, "should have failed");
        b.transfer(third);
        payable(msg.sender).transfer(msg.value - 2 * third);
    }

    // The same through one more call of itself that is undone as a whole, after two of three.
    function inner(address payable a, address payable b, bool breaks) external payable {
        require(msg.sender == address(this), "only myself");
        a.transfer(msg.value / 4);
        b.transfer(msg.value / 4);
        if (breaks) revert("undone");
    }

    function nested(address payable a, address payable b) external payable {
        try this.inner{value: msg.value / 2}(a, b, true) {} catch {}
        this.inner{value: msg.value / 2}(a, b, false);
    }

    // Fails as a whole, late.
    function never(address payable a, address payable b) external payable {
        a.transfer(msg.value / 2);
        b.transfer(msg.value / 2);
        revert("never");
    }

    // Runs out of gas with money already sent.
    function forever(address payable a) external payable {
        a.transfer(msg.value);
        for (uint256 i = 0; ; i++) assembly { sstore(i, 1) }
    }
}

// Spends through code of others: a delegate call and a CALLCODE carry a value in traces that moves
// nothing.
contract Library {
    address spent;

    function pay(address payable to, uint256 amount) external payable {
        to.transfer(amount);
    }
}

contract Borrower {
    receive() external payable {}

    function borrowed(address code, address payable to, uint256 amount) external payable {
        (bool done, ) = code.delegatecall(abi.encodeCall(Library.pay, (to, amount)));
        require(done, "delegate call failed");
    }

    function oldWay(address code, address payable to, uint256 amount) external payable {
        bytes memory data = abi.encodeCall(Library.pay, (to, amount));
        bool done;
        assembly {
            done := callcode(gas(), code, amount, add(data, 32), mload(data), 0, 0)
        }
        require(done, "callcode failed");
    }
}

// Can be made with ether, and made an end of.
contract Mortal {
    constructor() payable {}

    receive() external payable {}

    function end(address payable heir) external {
        selfdestruct(heir);
    }
}

// Its creation fails.
contract Stillborn {
    constructor() payable {
        revert("not to be");
    }
}

contract Factory {
    event Made(address where);

    receive() external payable {}

    function make(bytes32 salt) external payable {
        emit Made(address(new Mortal{salt: salt, value: msg.value}()));
    }

    function makePlain() external payable {
        emit Made(address(new Mortal{value: msg.value}()));
    }

    // Made and ended within one transaction: the only way in which code still goes away.
    function flash(bytes32 salt, address payable heir) external payable {
        Mortal made = new Mortal{salt: salt, value: msg.value}();
        made.end(heir);
    }

    // The heir is the contract itself: the money is burnt.
    function burn(bytes32 salt) external payable {
        Mortal made = new Mortal{salt: salt, value: msg.value}();
        made.end(payable(address(made)));
    }

    // Ended, and paid once more before the transaction is over: what comes late goes under too.
    function late(bytes32 salt, address payable heir) external payable {
        Mortal made = new Mortal{salt: salt, value: msg.value / 2}();
        made.end(heir);
        payable(address(made)).transfer(msg.value - msg.value / 2);
        made.end(heir);
    }

    // One creation that fails is caught; its value stays here, then goes to `to`.
    function tries(address payable to) external payable {
        try new Stillborn{value: msg.value}() {} catch {}
        to.transfer(msg.value);
    }
}

// Refuses ether, and takes it when a dying contract leaves it something.
contract Refuser {}
