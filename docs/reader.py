#!/usr/bin/env python3
"""Reads a Lifeboat repository, written from docs/format.md alone: proof that the document suffices.

    pip install pynacl zstandard
    reader.py REPOSITORY snapshots
    reader.py REPOSITORY ls SNAPSHOT
    reader.py REPOSITORY files SNAPSHOT SOURCE TARGET         restore a media tree into an empty directory
    reader.py REPOSITORY rows SNAPSHOT SOURCE SCHEMA TABLE    print a table as COPY text
    reader.py REPOSITORY stream SNAPSHOT SOURCE PART          archive, globals, inventory, properties, sequences

SNAPSHOT is `latest` or the first digits of an id. The passphrase comes from LIFEBOAT_PASSPHRASE, a recovery
key from LIFEBOAT_RECOVERY_KEY, else it is asked for. Everything is authenticated before it is used. Slow, and
it holds the index in memory: it is for the day when nothing else works.
"""
import getpass
import hashlib
import json
import os
import struct
import sys

import nacl.bindings as sodium
import nacl.exceptions
import nacl.pwhash
import zstandard

CONFIG, SLOT, PACK, INDEX, SNAPSHOT = 1, 2, 3, 4, 5
EVERYONE, WRITER, KEEPER, OWNER = 0, 1, 2, 3


class Damaged(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Damaged(what)


def H(message, key=b""):
    return hashlib.blake2b(message, digest_size=32, key=key).digest()


def KDF(key, context, info=b""):
    return H(context.encode() + b"\0" + info, key)


def OPEN(key, associated, sealed, what):
    need(len(sealed) >= 40, what + " is too short")
    try:
        return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed[24:], associated, sealed[:24], key)
    except nacl.exceptions.CryptoError:
        raise Damaged(what + " does not authenticate") from None


def join(*parts):
    return b"\0".join(part if isinstance(part, bytes) else part.encode() for part in parts)


class Bytes:
    """Takes fields from the front; a field that is not there is damage."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def raw(self, count):
        need(0 <= count <= len(self.data) - self.at, "bytes end too early")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, count, signed=False):
        return int.from_bytes(self.raw(count), "little", signed=signed)

    def varint(self):
        value = shift = 0
        while True:
            byte = self.number(1)
            need(shift < 63 or byte <= 1, "varint")
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                need(byte or not shift, "varint")
                return value
            shift += 7

    def counted(self):
        return self.raw(self.varint())

    def end(self):
        need(self.at == len(self.data), "trailing bytes")


class Header:  # section 3
    def __init__(self, data, kind):
        need(len(data) >= 184 and data[:8] == b"LIFEBOAT", "magic")
        need(data[9] <= 1, "written by a later version: get a later reader")
        need(data[9] == 1 and data[10] == 1 and data[8] == kind, "version, suite or kind of object")
        self.recipient, self.epoch, self.repository = data[11], data[12:16], data[16:48]
        self.ephemeral, self.wrap = data[48:80], data[80:152]
        self.committed, self.commitment = data[:152], data[152:184]

    def commits(self, key):
        return H(self.committed, key) == self.commitment


def recovery_key(text):
    alphabet, value, count = "0123456789ABCDEFGHJKMNPQRSTVWXYZ", 0, 0
    for letter in text.upper().translate(str.maketrans("OIL", "011", " -\r\n")):
        need(letter in alphabet, "recovery key")
        value, count = value << 5 | alphabet.index(letter), count + 1
    need(count == 56, "length of the recovery key")
    data = value.to_bytes(35, "big")
    need(H(b"lifeboat recovery key v1", data[:32])[:3] == data[32:], "recovery key was misread")
    return data[:32]


class Repository:
    def __init__(self, path):
        self.path, self.places, self.pack_keys = path, None, {}
        config = self.read("config")
        self.id = Header(config, CONFIG).repository
        self.unlock()
        role, body = self.document(config, CONFIG)
        need(role == OWNER, "config is not signed by the owner")
        need(self.json(body)["repository"] == self.id.hex(), "repository id")

    def read(self, name, offset=0, count=-1):
        with open(os.path.join(self.path, name), "rb") as file:
            file.seek(offset)
            return file.read(count)

    def names(self, folder):
        return sorted(name for name in os.listdir(os.path.join(self.path, folder))
                      if len(name) == 64 and all(c in "0123456789abcdef" for c in name))

    @staticmethod
    def json(body):
        value = json.loads(body)
        need(value["version"] == 1, "body of a later version")
        return value

    # Sections 4 and 5: keys
    def unlock(self):
        phrase, recovery = (os.environ.get("LIFEBOAT_" + name) for name in ("PASSPHRASE", "RECOVERY_KEY"))
        if phrase is None and recovery is None:
            phrase = getpass.getpass("passphrase: ")
        for name in self.names("keys"):
            slot = self.read("keys/" + name)
            header = Header(slot, SLOT)
            need(header.repository == self.id, "key slot of another repository")
            lock, salt = slot[184], slot[196:212]
            passes, memory = struct.unpack("<II", slot[188:196])
            bound = 222 + struct.unpack("<H", slot[220:222])[0]
            if lock == 1 and phrase is not None:
                need(passes <= 64 and memory <= 4 << 20, "key slot asks for too much")
                key = KDF(nacl.pwhash.argon2id.kdf(
                    32, phrase.encode(), salt, opslimit=passes, memlimit=memory * 1024),
                    "lifeboat passphrase slot v1")
            elif lock == 2 and recovery is not None:
                key = KDF(recovery_key(recovery), "lifeboat recovery slot v1", salt)
            else:
                continue
            if header.commits(key):
                return self.take(Bytes(OPEN(key, slot[:bound], slot[bound:], "key slot")))
        sys.exit("error: no key slot opens with this passphrase or recovery key")

    def take(self, secrets):
        need(secrets.number(1) == 1, "version of the role secrets")
        role, _, root = secrets.number(1), secrets.raw(4), secrets.raw(32)
        secrets.raw(32 + 64)
        self.owner_verify = secrets.raw(32)
        self.public = {KEEPER: secrets.raw(32), OWNER: secrets.raw(32)}
        self.secret = {recipient: secrets.raw(32) for recipient in (KEEPER, OWNER) if role >= recipient}
        secrets.raw(32 if role == OWNER else 0)
        secrets.end()
        self.id_key = {1: KDF(root, "lifeboat metadata ids v1"), 2: KDF(root, "lifeboat blob ids v1")}
        self.row_key = KDF(root, "lifeboat row hashes v1")
        self.index_key = KDF(root, "lifeboat index v1")
        self.pre_shared = KDF(root, "lifeboat pre-shared v1")

    def session(self, header):
        if header.recipient == WRITER:
            key = KDF(self.index_key, "lifeboat index session v1", header.ephemeral)
        else:
            need(header.recipient in self.secret, "this key slot's role may not read it")
            shared = sodium.crypto_scalarmult(self.secret[header.recipient], header.ephemeral)
            kek = KDF(self.pre_shared, "lifeboat wrap v1", shared + header.ephemeral
                      + self.public[header.recipient] + self.id + header.epoch)
            key = OPEN(kek, b"lifeboat wrap v1" + bytes([header.recipient]), header.wrap, "wrapped key")
        need(header.commits(key), "key commitment")
        return key

    # Section 6: documents
    def document(self, data, kind):
        header = Header(data, kind)
        need(header.repository == self.id and data[281:284] == bytes(3), "repository id or reserved bytes")
        signer, certificate, role = data[184:216], data[216:280], data[280]
        end = 292 + int.from_bytes(data[284:292], "little")
        need(len(data) == end + 64, "length of the document")
        certified = b"lifeboat certificate v1\0" + bytes([role]) + signer + self.id
        try:
            sodium.crypto_sign_open(certificate + certified, self.owner_verify)
            sodium.crypto_sign_open(data[end:] + b"lifeboat signature v1\0" + H(data[:end]), signer)
        except nacl.exceptions.CryptoError:
            raise Damaged("signature or certificate does not verify") from None
        if header.recipient == EVERYONE:
            return role, data[292:end]
        key = KDF(self.session(header), "lifeboat document body v1")
        return role, OPEN(key, data[:284], data[292:end], "document body")

    def named_document(self, folder, name, kind):
        data = self.read(folder + "/" + name)
        need(H(data).hex() == name, "name of " + name)
        return self.document(data, kind)[1]

    def snapshots(self):
        found = [(name, self.json(self.named_document("snapshots", name, SNAPSHOT)))
                 for name in self.names("snapshots")]
        return sorted(found, key=lambda item: (item[1]["time"], item[0]))

    def snapshot(self, prefix):
        found = [item for item in self.snapshots() if prefix == "latest" or item[0].startswith(prefix)]
        if not found or (prefix != "latest" and len(found) > 1):
            sys.exit(f"error: '{prefix}' means {len(found)} snapshots")
        return found[-1][1]

    # Sections 7 and 8: index and blobs
    def load_index(self):
        self.places = {}
        for name in self.names("index"):
            run = self.named_document("index", name, INDEX)
            version, packs, entries, deltas, replaced = struct.unpack("<5I", run[:20])
            at_entries = 20 + 72 * packs
            at_deltas = at_entries + 48 * entries
            need(version == 1 and len(run) == at_deltas + 36 * deltas + 32 * replaced, "index run")
            items = (run[at_deltas + 36 * i:at_deltas + 36 * i + 36] for i in range(deltas))
            bases = {int.from_bytes(item[:4], "little"): item[4:] for item in items}
            for i in range(entries):
                item = Bytes(run[at_entries + 48 * i:at_entries + 48 * i + 48])
                chunk, at = item.raw(32), 20 + 72 * item.number(3)
                pack = run[at:at + 72]
                offset, sealed, length, encoding, slot = (item.number(n) for n in (4, 3, 3, 1, 2))
                self.places.setdefault(chunk, []).append(
                    (pack[:32], pack[68], offset, sealed, length, encoding, slot, bases.get(i, b"")))

    def pack_key(self, pack, kind, name):
        if pack not in self.pack_keys:
            data = self.read(name, count=512)
            header = Header(data, PACK)
            need(header.repository == self.id and data[184:216] == pack, "identity of the pack")
            need(header.recipient == kind + 1, "class of the pack")  # metadata 1: keeper 2; content 2: owner 3
            self.pack_keys[pack] = KDF(self.session(header), "lifeboat pack v1", pack)
        return self.pack_keys[pack]

    def load(self, chunk, depth=0):
        if self.places is None:
            self.load_index()
        need(depth <= 64, "deltas never end")
        problem = "no index run names it"
        for place in reversed(self.places.get(chunk, [])):
            try:
                return self.load_at(chunk, place, depth)
            except (Damaged, OSError) as error:
                problem = error
        raise Damaged(f"blob {chunk.hex()}: {problem}")

    def load_at(self, chunk, place, depth):
        pack, kind, offset, sealed, length, encoding, slot, base = place
        name = f"packs/{pack.hex()[:2]}/{pack.hex()}"
        key = self.pack_key(pack, kind, name)
        context = (b"lifeboat blob v1" + self.id + pack + struct.pack("<IB", slot, kind) + chunk
                   + struct.pack("<BI", encoding, length) + base)
        plain = OPEN(key, context, self.read(name, offset, sealed), "blob")
        need(encoding in (0, 1, 2), "encoding")
        if encoding:
            words = zstandard.ZstdCompressionDict(
                self.load(base, depth + 1), zstandard.DICT_TYPE_RAWCONTENT) if encoding == 2 else None
            try:
                plain = zstandard.ZstdDecompressor(words, max_window_size=1 << 27).decompress(
                    plain, max_output_size=length)
            except zstandard.ZstdError as error:
                raise Damaged(str(error)) from None
        need(len(plain) == length, "length of the chunk")
        need(H(plain, self.id_key[kind]) == chunk, "the chunk is not what its id says")
        return plain

    # Section 9: the catalog
    def walk(self, manifest, prefix=b""):
        """Key and entry of everything at or beneath `prefix`, in order."""
        yield from self.walk_node(bytes.fromhex(manifest["catalog"]["root"]), None, prefix)

    def walk_node(self, node, level, prefix):
        fields = Bytes(self.load(node))
        need(fields.number(1) == 1, "version of the catalog node")
        found = fields.number(1)
        need(found <= 16 if level is None else found == level, "level of the catalog node")
        key, items = b"", []
        for i in range(fields.varint()):
            shared = fields.varint()
            need(shared <= len(key), "shared part of a key")
            last, key = key, key[:shared] + fields.counted()
            need(i == 0 or last < key, "order of keys")
            items.append((key, fields.raw(32) if found else fields.counted()))
            if found:
                fields.varint()
        fields.end()
        for i, (key, value) in enumerate(items):
            if not found:
                if not prefix or key == prefix or key.startswith(prefix + b"\0"):
                    yield key, value
            # A child holds keys from its own to the next one's.
            elif not prefix or (key < prefix + b"\1" and (i + 1 == len(items) or items[i + 1][0] > prefix)):
                yield from self.walk_node(value, found - 1, prefix)

    def entry(self, manifest, key, tag):
        for found, value in self.walk(manifest, key):
            if found == key and value[0] == tag:
                return Bytes(value[1:])
        sys.exit("error: the snapshot has no " + key.replace(b"\0", b"/").decode())

    def pieces(self, fields):
        """The chunks of a content, in order; takes the content's fields at once."""
        length, form, count = fields.varint(), fields.number(1), fields.varint()
        need(form in (0, 1), "form of the content")
        if form == 0:
            references = [(fields.raw(32), fields.varint()) for _ in range(count)]
        else:
            lists = b"".join(self.load(fields.raw(32)) for _ in range(count))
            references = [(lists[i:i + 32], int.from_bytes(lists[i + 32:i + 36], "little"))
                          for i in range(0, len(lists), 36)]
        need(sum(size for _, size in references) == length, "length of the content")
        chunks = ((self.load(chunk), size) for chunk, size in references)
        return (piece for piece, size in chunks if need(len(piece) == size, "length of a chunk") is None)


def metadata(fields):
    """Takes the fields of a metadata; returns what gives them to a path."""
    mode, user, group = fields.varint(), fields.varint(), fields.varint()
    time = fields.number(8, signed=True) * 10**9 + fields.number(4)
    fields.raw(12)
    fields.varint(), fields.varint()
    attributes = [(fields.counted(), fields.counted()) for _ in range(fields.varint())]

    def give(path):
        if os.geteuid() == 0:
            os.chown(path, user, group, follow_symlinks=False)
        for name, value in attributes:
            try:
                os.setxattr(path, name, value, follow_symlinks=False)
            except OSError as error:
                print(f"warning: {os.fsdecode(path)}: {error}", file=sys.stderr)
        if not os.path.islink(path):
            os.chmod(path, mode)
        os.utime(path, ns=(time, time), follow_symlinks=False)
    return give


def restore_files(repository, manifest, source, target):
    directories = []
    for key, value in repository.walk(manifest, join(b"m", source)):
        parts, fields = key.split(b"\0")[2:], Bytes(value)
        need(all(part not in (b"", b".", b"..") and b"/" not in part for part in parts), "path")
        path, tag = os.path.join(os.fsencode(target), *parts), fields.number(1)
        if tag == 4:
            os.link(os.path.join(os.fsencode(target), *fields.counted().split(b"\0")[2:]), path)
        elif tag in (1, 2, 3):
            give = metadata(fields)
            if tag == 1:
                os.makedirs(path, exist_ok=not parts)
                directories.append((path, give))
                continue
            if tag == 2:
                write_file(repository, fields, path)
            else:
                os.symlink(fields.counted(), path)
            give(path)
        else:  # unreadable at capture; sockets, fifos and devices are left to the real thing
            print(f"warning: not restored: {os.fsdecode(path)} (entry of tag {tag})", file=sys.stderr)
    for path, give in reversed(directories):
        give(path)


def write_file(repository, fields, path):
    length, marks = fields.varint(), fields.number(1)
    extents = [(0, length)]
    if marks & 1:
        extents = [(fields.varint(), fields.varint()) for _ in range(fields.varint())]
    pieces, rest = repository.pieces(fields), b""
    with open(path, "xb") as file:
        file.truncate(length)
        for offset, size in extents:
            need(offset + size <= length, "extent")
            file.seek(offset)
            while size:
                rest = rest or next(pieces)
                file.write(rest[:size])
                size, rest = size - min(size, len(rest)), rest[size:]
    need(not rest and next(pieces, None) is None, "length of the file")


def print_rows(repository, manifest, source, schema, table):
    """COPY text on standard output; rows, bytes and digest are compared with the table's entry (section 11)."""
    summary = repository.entry(manifest, join(b"d", source, b"tables", schema, table), 19)
    columns = [summary.counted() for _ in range(summary.varint())]
    expected = (summary.varint(), summary.varint(), summary.raw(32))
    routed = summary.number(1) & 2
    name = [summary.counted(), summary.counted()] if routed else [schema.encode(), table.encode()]
    if summary.number(1):
        sys.exit("error: the rows are not in the snapshot: " + summary.counted().decode())
    key = KDF(repository.row_key, "lifeboat rows v1", b"".join(part + b"\0" for part in name + columns))
    rows = size = total = 0
    for _, value in repository.walk(manifest, join(b"d", source, b"rows", schema, table)):
        fields, rest = Bytes(value), b""
        need(fields.number(1) == 18, "tag of a range")
        fields.varint()
        need(fields.number(1) == 0, "rows are in the binary format, which this reader cannot print")
        fields.raw(32)
        for piece in repository.pieces(fields):
            sys.stdout.buffer.write(piece)
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                rows, size = rows + 1, size + len(line) + 1
                total = (total + int.from_bytes(H(key + line), "big")) % 2**256
        need(not rest, "a row without its end")
    need((rows, size, total.to_bytes(32, "big")) == expected, "the table's digest is another")
    print(f"{rows} rows, equal to what was captured", file=sys.stderr)


def main(path="", command="", *rest):
    if (command, len(rest)) not in (("snapshots", 0), ("ls", 1), ("files", 3), ("rows", 4), ("stream", 3)):
        sys.exit(__doc__)
    repository = Repository(path)
    if command == "snapshots":
        for name, manifest in repository.snapshots():
            sources = [source["name"] for kind in ("databases", "media") for source in manifest[kind]]
            print(name[:8], manifest["time"], manifest["host"], ", ".join(sources))
        return
    manifest = repository.snapshot(rest[0])
    if command == "ls":
        for key, value in repository.walk(manifest):
            print(f"{value[0]:3}", key.replace(b"\0", b"/").decode(errors="backslashreplace"))
    elif command == "files":
        restore_files(repository, manifest, rest[1], rest[2])
    elif command == "rows":
        print_rows(repository, manifest, *rest[1:])
    else:
        for piece in repository.pieces(repository.entry(manifest, join(b"d", rest[1], rest[2]), 16)):
            sys.stdout.buffer.write(piece)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (Damaged, OSError, ValueError, IndexError, KeyError, StopIteration) as problem:
        sys.exit(f"error: {type(problem).__name__}: {problem}")
