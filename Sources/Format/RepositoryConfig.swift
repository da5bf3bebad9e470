// The public part of a repository: written once, readable without a key, signed by the owner.

/// The body of the `config` object: an ``Envelope`` for everyone, signed by the owner's key.
///
/// Whoever unlocks a key slot finds the owner's verification key in it, and so knows that this
/// configuration is the one `init` wrote.
package struct RepositoryConfig: Codable, Hashable, Sendable {
  /// Version of this JSON.
  package var version: Int
  /// Hexadecimal.
  package var repository: String
  package var created: Timestamp
  /// Length of a full pack in bytes.
  package var packByteCount: Int
  /// Mean chunk length of files in bytes; see the chunker's profiles.
  package var chunkerProfile: UInt8
  /// Heap blocks of 8 KiB in one range of a table.
  package var tableRangeBlocks: UInt32
  /// How new packs are protected against rot, a ``ParityScheme``; nil means 0, not at all.
  package var parityScheme: UInt8?
  /// X25519 and Ed25519 public keys, hexadecimal, by epoch: the last is current.
  package var epochs: [Epoch]

  /// Public keys of one key epoch.
  package struct Epoch: Codable, Hashable, Sendable {
    package var number: UInt32
    package var ownerBox: String
    package var keeperBox: String
    package var ownerSign: String

    package init(number: UInt32, ownerBox: String, keeperBox: String, ownerSign: String) {
      self.number = number
      self.ownerBox = ownerBox
      self.keeperBox = keeperBox
      self.ownerSign = ownerSign
    }
  }

  package init(
    version: Int = 1, repository: String, created: Timestamp, packByteCount: Int,
    chunkerProfile: UInt8, tableRangeBlocks: UInt32, parityScheme: UInt8? = nil, epochs: [Epoch]
  ) {
    self.version = version
    self.repository = repository
    self.created = created
    self.packByteCount = packByteCount
    self.chunkerProfile = chunkerProfile
    self.tableRangeBlocks = tableRangeBlocks
    self.parityScheme = parityScheme
    self.epochs = epochs
  }
}
