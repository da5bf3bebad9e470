// Threads, shared memory, progress, cancellation.

import Synchronization
import Testing
import Workers

@Suite struct `A thread group` {
  @Test func `waits for all that it started`() {
    let group = ThreadGroup()
    let done = Mutex(0)
    for _ in 0..<20 {
      group.start(name: "test") { done.withLock { $0 += 1 } }
    }
    group.wait()
    #expect(done.withLock { $0 } == 20)
    group.wait()
  }
}

@Suite struct `A shared buffer` {
  @Test func `is filled by many threads, each its own region`() {
    let buffer = SharedBuffer(byteCount: 16 * 1000)
    let group = ThreadGroup()
    for part in 0..<16 {
      group.start(name: "test") {
        buffer.withRegion(at: part * 1000, count: 1000) { region in
          for i in 0..<1000 { region[i] = UInt8(part) }
        }
      }
    }
    group.wait()
    for part in 0..<16 {
      let isWhole = buffer.withBytes(at: part * 1000, count: 1000) { bytes in
        (0..<1000).allSatisfy { bytes[$0] == UInt8(part) }
      }
      #expect(isWhole)
    }
  }

  @Test func `is reused while it is large enough`() {
    let buffer = SharedBuffer(byteCount: 100)
    #expect(SharedBuffer.reuse(buffer, atLeast: 100) === buffer)
    let larger = SharedBuffer.reuse(buffer, atLeast: 101)
    #expect(larger !== buffer)
    #expect(larger.byteCount >= 101)
    #expect(SharedBuffer.reuse(nil, atLeast: 10).byteCount >= 10)
  }

  @Test func `lends nothing beyond its end`() async {
    await #expect(processExitsWith: .failure) {
      SharedBuffer(byteCount: 10).withBytes(at: 5, count: 6) { _ in }
    }
    await #expect(processExitsWith: .failure) {
      SharedBuffer(byteCount: 10).withBytes(at: -1, count: 1) { _ in }
    }
  }
}

@Suite struct `Progress of a long operation` {
  @Test func `counts what all threads add, and starts over with a phase`() {
    let phases = Mutex<[String]>([])
    let progress = Progress { reading in phases.withLock { $0.append(reading.phase) } }
    progress.begin("first", totalBytes: 10)
    let group = ThreadGroup()
    for _ in 0..<4 {
      group.start(name: "test") { for _ in 0..<100 { progress.add(bytes: 3, items: 1) } }
    }
    group.wait()
    #expect(progress.reading.doneBytes == 1200)
    #expect(progress.reading.doneItems == 400)
    #expect(progress.reading.totalBytes == 10)
    progress.add(bytes: -5, items: -1)
    #expect(progress.reading.doneBytes == 1200)
    progress.begin("second")
    #expect(progress.reading.doneBytes == 0)
    #expect(progress.reading.totalBytes == 0)
    #expect(phases.withLock { $0 } == ["first", "second"])
  }
}

@Suite struct `A request to stop` {
  @Test func `is seen from then on, and for good`() throws {
    let cancellation = Cancellation()
    try cancellation.check()
    cancellation.cancel()
    cancellation.cancel()
    #expect(cancellation.isCancelled)
    #expect(throws: Cancelled.self) { try cancellation.check() }
    #expect("\(Cancelled())" == "stopped on request")
  }
}
