"""Speech2Vec (Chung & Glass 2018): vectors of words learnt from how they are spoken."""
