"""What a conference costs under load: our MRFP beside a bare relay, each a process, under the same participants."""
