// SPDX-License-Identifier: Apache-2.0
// An ERC-20 as plain as one can be. It keeps everything in storage and has no constructor, so that
// its runtime code can be put at the address of a listed token; anybody may mint.
pragma solidity ^0.8.0;

contract Token {
    event Transfer(address indexed from, address indexed to, uint256 amount);
    event Approval(address indexed owner, address indexed spender, uint256 amount);

    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    uint256 public totalSupply;

    function mint(address to, uint256 amount) external {
        totalSupply += amount;
        balanceOf[to] += amount;
        emit Transfer(address(0), to, amount);
    }

    function burn(uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        totalSupply -= amount;
        emit Transfer(msg.sender, address(0), amount);
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        emit Approval(msg.sender, spender, amount);
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        move(from, to, amount);
        return true;
    }

    function move(address from, address to, uint256 amount) private {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        emit Transfer(from, to, amount);
    }
}

// Says that others moved what nobody holds: the trick of address poisoning.
contract LyingToken {
    event Transfer(address indexed from, address indexed to, uint256 amount);

    function say(address from, address to, uint256 amount) external {
        emit Transfer(from, to, amount);
    }
}

// Its transfer has the name and topic of an ERC-20's, and four topics: an ERC-721.
contract Pictures {
    event Transfer(address indexed from, address indexed to, uint256 indexed id);

    function give(address to, uint256 id) external {
        emit Transfer(msg.sender, to, id);
    }
}
