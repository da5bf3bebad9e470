// The suite that all end-to-end tests belong to: the real program as a child, against a real server.
//
// Everything here runs one after another: these tests are heavy, and some look at the whole machine (its
// processes, its temporary folders). Each command is judged by what a user sees: standard output, standard
// error, exit status, and what is left on disk.

import Testing

/// Every end-to-end suite is an extension of this one, so that `.serialized` orders them all.
@Suite(.serialized) struct `The program` {}
