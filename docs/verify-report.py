#!/usr/bin/env python3
"""Proves a report that `lifeboat report --report-json` wrote, without the repository and without its keys.

    pip install pynacl
    verify-report.py REPORT.json [--owner-key HEX]

Checks the signature on the report, then each entry of the evidence log in it: its name is the hash of its bytes,
the owner's certificate and the signer's signature hold, the key that came with it is the one it commits to and
opens it, it follows the entry before. Then it computes every figure of the report again from the entries.
Without --owner-key it shows whose key it was: compare that with what `lifeboat status` prints.
Ends with 0 if all holds, else with 1 and a line for each thing that does not. Written from docs/format.md.
"""
import base64
import hashlib
import json
import sys

import nacl.bindings as sodium
import nacl.exceptions


def H(message, key=b""):
    return hashlib.blake2b(message, digest_size=32, key=key).digest()


def verifies(signature, message, key):
    try:
        sodium.crypto_sign_open(signature + message, key)
        return True
    except (nacl.exceptions.CryptoError, ValueError):
        return False


def certified(certificate, role, signer, repository, owner):
    return verifies(certificate, b"lifeboat certificate v1\0" + bytes([role]) + signer + repository, owner)


ROLES = {1: "writer", 2: "keeper", 3: "owner"}
NEEDED = {"backup": 1, "rollback": 1, "check": 2, "forget": 2, "prune": 2, "drill": 3, "initialized": 3}


def open_entry(item, repository, owner):
    """The entry's body and its signer's role, or an error that says what does not hold."""
    data, key = base64.b64decode(item["object"], validate=True), bytes.fromhex(item["key"])
    if H(data).hex() != item["id"]:
        raise ValueError("its bytes are not what its name says")
    end = 292 + int.from_bytes(data[284:292], "little")
    if data[:11] != b"LIFEBOAT\x06\x01\x01" or data[16:48] != repository or len(data) != end + 64:
        raise ValueError("it is not a log entry of this repository")
    signer, certificate, role = data[184:216], data[216:280], data[280]
    if role not in ROLES or not certified(certificate, role, signer, repository, owner):
        raise ValueError("its signer's key is not certified by the owner")
    if not verifies(data[end:], b"lifeboat signature v1\0" + H(data[:end]), signer):
        raise ValueError("its signature does not hold")
    if H(data[:152], key) != data[152:184]:
        raise ValueError("the key that came with it is another entry's")
    body_key = H(b"lifeboat document body v1\0", key)
    try:
        plain = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
            data[316:end], data[:284], data[292:316], body_key)
    except nacl.exceptions.CryptoError:
        raise ValueError("it does not open") from None
    body = json.loads(plain)
    if body["version"] != 1:
        raise ValueError("it was written by a later version")
    return body, role


def succeeded(body):
    return body["outcome"] in ("pass", "warnings")


def summary(entries):
    """The figures, from (number, body): what the program computes, written a second time."""
    totals, sources, drills, failures = {}, {}, [], []
    for place, (number, body) in enumerate(entries):
        event, details = body["event"], body["details"]
        total = totals.setdefault(event, {"event": event, "pass": 0, "warnings": 0, "fail": 0})
        total[body["outcome"] if succeeded(body) else "fail"] += 1
        for name in filter(None, details.get("sources", "").split(",")) if body["outcome"] != "fail" else ():
            source = sources.setdefault(name, {"source": name, "backups": 0, "drills": 0})
            if event == "backup":
                source["backups"] += 1
            if event == "drill":
                source["drills"] += 1
                source["lastDrill"] = body["time"]
        if event == "drill":
            drill = {"entry": number, "time": body["time"], "outcome": body["outcome"],
                     "failed": details.get("failed") or None, "snapshot": (body["snapshots"] or [None])[0]}
            for word in ("rto", "rpo"):
                actual, target = details.get(word + "-seconds"), details.get(word + "-target-seconds")
                drill[word + "Seconds"], drill[word + "TargetSeconds"] = actual, target
                drill[word + "Met"] = float(actual) <= float(target) if actual and target else None
            drills.append({name: value for name, value in drill.items() if value is not None})
        if not succeeded(body):
            findings = details.get("findings")
            failure = {"entry": number, "time": body["time"], "event": event,
                       "what": details.get("error", details.get("failed", findings and findings + " findings"))}
            for later, other in entries[place + 1:]:
                if other["event"] == event and succeeded(other):
                    failure["closedBy"], failure["closedAt"] = later, other["time"]
                    break
            failures.append({name: value for name, value in failure.items() if value is not None})
    return {"totals": sorted(totals.values(), key=lambda t: t["event"]), "drills": drills,
            "sources": sorted((s for s in sources.values() if s["backups"] + s["drills"]),
                              key=lambda s: s["source"]),
            "failures": failures}


def problems_of(report, owner):
    """Yields a line for each thing that does not hold."""
    statement = json.loads(report["statement"])
    if report["version"] != 1 or statement["version"] != 1:
        yield "the report was written by a later version"
        return
    repository = bytes.fromhex(statement["repository"])
    signer, role = bytes.fromhex(report["signer"]), report["role"]
    message = b"lifeboat report v1\0" + H(report["statement"].encode())
    if not certified(bytes.fromhex(report["certificate"]), role, signer, repository, owner):
        yield "the report's signer is not certified by the owner"
    if not verifies(bytes.fromhex(report["signature"]), message, signer):
        yield "the report's signature does not hold: it was changed after it was made"
    for finding in statement["findings"]:
        yield "the log itself did not hold when the report was made: " + finding

    entries, ids = [], {}
    for item in statement["entries"]:
        name = f"entry {item['number']}-{item['id'][:8]}"
        try:
            body, role = open_entry(item, repository, owner)
        except (ValueError, KeyError, IndexError) as problem:
            yield f"{name}: {problem}"
            continue
        if role < NEEDED.get(body["event"], 1):
            yield f"{name}: says '{body['event']}' and is signed by a {ROLES[role]}"
        if not statement["from"] <= body["time"] < statement["to"]:
            yield f"{name}: is not of the period"
        entries.append((item["number"], body))
        ids.setdefault(item["number"], set()).add(item["id"])
    numbers = sorted(ids)
    for before, after in zip(numbers, numbers[1:]):
        if after != before + 1:
            yield f"entries between {before} and {after} are missing"
    for number, body in entries:
        for id in [body.get("previous")] + body.get("others", []):
            if number - 1 in ids and id not in ids[number - 1]:
                yield f"entry {number}: follows {number - 1}-{(id or '')[:8]}, which is not in the report"
    if summary(entries) != statement["summary"]:
        yield "the figures are not those of the entries"


def main(path="", option="--owner-key", key=None, *rest):
    if not path or rest or option != "--owner-key":
        sys.exit(__doc__)
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    owner = bytes.fromhex(key or report["ownerKey"])
    problems = list(problems_of(report, owner))
    for problem in problems:
        print(problem)
    if problems:
        sys.exit(1)
    statement = json.loads(report["statement"])
    print(f"holds: {len(statement['entries'])} entries, {statement['from']} to {statement['to']},"
          f" signed by a {ROLES[report['role']]} of {statement['repository'][:8]}")
    if not key:
        print(f"compare this with what 'lifeboat status' prints as the owner's key: {report['ownerKey']}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        sys.exit(f"error: this is not a report: {type(problem).__name__}: {problem}")
