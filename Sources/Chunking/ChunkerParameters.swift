// The sizes a chunker aims at, and the numbers they are recorded by. Frozen: changing any of them
// would cut unchanged files differently and so store every file once more.

/// How long chunks are: a repository records the `number`, never the sizes.
///
/// One threshold, a minimum of 5/8 of the mean and a maximum of 4 means: at equal deduplication it
/// scans twice as fast as normalised chunking (FastCDC, USENIX ATC 2016), because five bytes in
/// eight are never looked at.
package struct ChunkerParameters: Sendable, Equatable {
  /// How snapshots record these parameters; never reused for others.
  package let number: UInt8
  /// The length aimed at, in bytes.
  package let meanByteCount: Int
  /// No chunk is shorter, except the last of a file.
  package let minimumByteCount: Int
  /// No chunk is longer.
  package let maximumByteCount: Int

  /// Media and other large files: mean 1 MiB (640 KiB … 4 MiB).
  package static let bulk = ChunkerParameters(profile: 1, mean: 1 << 20)
  /// Trees of mixed files: mean 64 KiB (40 KiB … 256 KiB).
  package static let tree = ChunkerParameters(profile: 2, mean: 1 << 16)
  /// Streams with scattered small changes: mean 32 KiB (20 KiB … 128 KiB).
  package static let small = ChunkerParameters(profile: 3, mean: 1 << 15)

  /// The profile with this number; nil if this version knows none.
  package init?(number: UInt8) {
    let profiles: [ChunkerParameters] = [.bulk, .tree, .small]
    guard let found = profiles.first(where: { $0.number == number }) else { return nil }
    self = found
  }

  private init(profile number: UInt8, mean: Int) {
    self.number = number
    meanByteCount = mean
    minimumByteCount = mean / 8 * 5
    maximumByteCount = mean * 4
  }

  /// A position past the minimum is a cut if its 64 pseudo-random bits are below this: the chance is
  /// 1 in (mean − minimum), so the wait past the minimum has that mean.
  package var threshold: UInt64 { UInt64.max / UInt64(meanByteCount - minimumByteCount) }
}
