// SPDX-License-Identifier: Apache-2.0
// What the recordings calls-*.json.zst are made with: each function is one way in which ether moves,
// or seems to. See README.md.
pragma solidity ^0.8.0;

contract Pit {
    constructor(bool ok) payable {
        require(ok, "no");
    }

    receive() external payable {}

    function end(address payable heir) external payable {
        selfdestruct(heir);
    }
}

contract Wallet {
    event Transfer(address indexed from, address indexed to, uint256 value);

    constructor(bool ok) payable {
        require(ok, "no");
    }

    receive() external payable {}

    function split(address payable a, address payable b) external payable {
        a.transfer(msg.value / 3);
        b.transfer(msg.value - msg.value / 3);
    }

    function payAndFail(address payable a) external payable {
        emit Transfer(msg.sender, a, msg.value);
        a.transfer(msg.value / 2);
        revert("changed my mind");
    }

    // The inner call pays and fails: what it paid is undone, what stands around it is not.
    function forward(Wallet inner, address payable a) external payable {
        a.transfer(1);
        (bool ok, ) = address(inner).call{value: msg.value / 2}(
            abi.encodeCall(Wallet.payAndFail, (a))
        );
        require(!ok);
        a.transfer(2);
        emit Transfer(msg.sender, a, msg.value);
        emit Transfer(address(0), a, 0);
    }

    function deep(uint256 n, address payable a) external payable {
        if (n == 0) {
            a.transfer(msg.value);
            return;
        }
        try this.deep{value: msg.value - 1}(n - 1, a) {} catch {}
        if (n % 3 == 1) revert("every third level");
    }

    function borrowed(Wallet code, address payable a, address payable b) external payable {
        (bool ok, ) = address(code).delegatecall(abi.encodeCall(Wallet.split, (a, b)));
        require(ok);
        bytes memory data = abi.encodeCall(Wallet.split, (a, b));
        uint256 v = address(this).balance < 1000 ? 0 : 9;
        assembly {
            ok := callcode(gas(), code, v, add(data, 32), mload(data), 0, 0)
        }
        require(ok);
        (ok, ) = address(code).staticcall(data);
        require(ok);
        (ok, ) = address(this).call{value: address(this).balance + 1}("");
        require(!ok);
    }

    function make(bytes32 salt, bool ok) external payable {
        new Pit{value: msg.value / 4}(true);
        new Pit{value: msg.value / 4, salt: salt}(true);
        try this.makeOne{value: msg.value / 4}(salt, ok) {} catch {}
    }

    function makeOne(bytes32 salt, bool ok) external payable {
        new Pit{value: msg.value, salt: bytes32(uint256(salt) + 1)}(ok);
    }

    // Made and destroyed in one transaction; what comes later is lost with it.
    function makeAndEnd(address payable heir, bool toItself, bool again) external payable {
        Pit p = new Pit{value: msg.value / 4}(true);
        p.end(toItself ? payable(address(p)) : heir);
        payable(address(p)).transfer(msg.value / 4);
        if (again) {
            p.end{value: 5}(heir);
            payable(address(p)).transfer(7);
        }
    }

    // The ending is undone with the call it stands in.
    function endUndone(Pit p, address payable heir) external payable {
        try this.endAndFail(p, heir) {} catch {}
    }

    function endAndFail(Pit p, address payable heir) external {
        p.end(heir);
        revert("no");
    }

    function tipMiner() external payable {
        block.coinbase.transfer(msg.value);
    }

    function burnGas() external payable {
        while (true) {}
    }
}
