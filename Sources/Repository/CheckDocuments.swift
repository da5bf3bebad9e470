// The part of a check that reads documents: manifests, key slots, index runs, log entries, marks.

import Format
import Storage

extension Repository {
  func checkSnapshots(_ report: inout CheckReport) throws -> [Snapshot] {
    var snapshots: [Snapshot] = []
    for object in try list(.snapshots) {
      guard let id = SnapshotID(hex: object.key.name) else { continue }
      do {
        if let snapshot = try loadSnapshot(id) { snapshots.append(snapshot) }
      } catch {
        report.findings.append(
          .init(code: "manifest", what: "\(error)", snapshots: [id.description], paths: []))
      }
    }
    for object in try list(.keys) {
      guard
        let bytes = try? storage.load(object.key, limit: 1 << 20),
        object.key.name == DocumentID(of: bytes).hex,
        (try? KeySlot(bytes, repository: id)) != nil
      else {
        report.findings.append(
          .init(
            code: "key-slot", what: "key slot \(object.key.name.prefix(8)) is damaged",
            snapshots: [], paths: []))
        continue
      }
    }
    report.snapshotCount = snapshots.count
    return snapshots.sorted { ($0.manifest.time, $0.id) < ($1.manifest.time, $1.id) }
  }

  func checkIndexRuns(_ report: inout CheckReport) throws {
    let known = Set(index.runIDs)
    for object in try list(.index) {
      guard let id = DocumentID(hex: object.key.name), !known.contains(id) else { continue }
      do {
        let (envelope, plaintext) = try loadDocument(object.key, kind: .indexRun)
        try index.add(plaintext, id: id, signer: envelope.signer, role: envelope.role)
      } catch {
        report.findings.append(
          .init(code: "index", what: "index run \(id): \(error)", snapshots: [], paths: []))
      }
    }
    report.blobCount = index.entryCount
  }

  /// Every log entry can be read and stands behind the one that it names; every mark can be read.
  func checkLogAndMarks(_ report: inout CheckReport) throws {
    // Writers can open marks only.
    if keys.canRead(.metadata) {
      let objects = try list(.log)
      let names = Set(objects.map { String($0.key.name.suffix(64)) })
      for object in objects {
        do {
          let (_, body) = try loadDocument(object.key, kind: .logEntry)
          let entry = try DocumentBody.decode(LogEntry.self, from: body, kind: .logEntry)
          if let previous = entry.previous, !names.contains(previous) {
            report.findings.append(
              .init(
                code: "log",
                what: "log entry \(previous.prefix(8)), which the next one names, is gone",
                snapshots: [], paths: []))
          }
        } catch {
          report.findings.append(
            .init(code: "log", what: "\(object.key): \(error)", snapshots: [], paths: []))
        }
      }
    }
    for object in try list(.doomed) {
      do {
        let (_, body) = try loadDocument(object.key, kind: .doom)
        _ = try DocumentBody.decode(DoomMark.self, from: body, kind: .doom)
      } catch {
        // A prune that runs at the same time may be done with it.
        guard (try? storage.contains(object.key)) != false else { continue }
        report.findings.append(
          .init(code: "doom-mark", what: "\(object.key): \(error)", snapshots: [], paths: []))
      }
    }
  }
}
