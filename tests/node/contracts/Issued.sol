// SPDX-License-Identifier: Apache-2.0
// What issuers and bridges do to tokens. The events have the names and arguments of the real ones
// (Tether's TetherToken.sol; THORChain's thornode, chain/evm/contracts/THORChain_RouterV4.sol), the
// code is ours. No constructors: runtime code is put at the addresses of the real ones.
pragma solidity ^0.8.0;

import {IToken} from "Exchange.sol";
import {Token} from "Token.sol";

contract Tether is Token {
    event AddedBlackList(address _user);
    event RemovedBlackList(address _user);
    event DestroyedBlackFunds(address _blackListedUser, uint256 _balance);

    mapping(address => bool) public isBlackListed;

    function addBlackList(address user) external {
        isBlackListed[user] = true;
        emit AddedBlackList(user);
    }

    function removeBlackList(address user) external {
        isBlackListed[user] = false;
        emit RemovedBlackList(user);
    }

    // As with Tether's own, no Transfer says so.
    function destroyBlackFunds(address user) external {
        require(isBlackListed[user], "not frozen");
        uint256 balance = balanceOf[user];
        balanceOf[user] = 0;
        totalSupply -= balance;
        emit DestroyedBlackFunds(user, balance);
    }
}

contract BridgeRouter {
    event Deposit(address indexed to, address indexed asset, uint256 amount, string memo);
    event TransferOut(address indexed vault, address indexed to, address asset, uint256 amount,
                      string memo);

    mapping(address => mapping(address => uint256)) public vaultAllowance;

    function depositWithExpiry(address payable vault, address asset, uint256 amount,
                               string calldata memo, uint256 expiry) external payable {
        require(block.timestamp < expiry, "too late");
        if (asset == address(0)) {
            amount = msg.value;
            (bool sent, ) = vault.call{value: amount}("");
            require(sent, "not taken");
        } else {
            require(msg.value == 0, "ether beside tokens");
            IToken(asset).transferFrom(msg.sender, address(this), amount);
            vaultAllowance[vault][asset] += amount;
        }
        emit Deposit(vault, asset, amount, memo);
    }

    // A receiver who does not take ether leaves it with the vault.
    function transferOut(address payable to, address asset, uint256 amount,
                         string calldata memo) external payable {
        if (asset == address(0)) {
            amount = msg.value;
            (bool sent, ) = to.call{value: amount}("");
            if (!sent) {
                (bool back, ) = payable(msg.sender).call{value: amount}("");
                require(back, "not taken back");
            }
        } else {
            vaultAllowance[msg.sender][asset] -= amount;
            IToken(asset).transfer(to, amount);
        }
        emit TransferOut(msg.sender, to, asset, amount, memo);
    }
}
