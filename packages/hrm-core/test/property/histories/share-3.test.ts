import { testShare } from './share.js';

testShare(3);
