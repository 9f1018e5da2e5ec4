import { readFileSync } from 'node:fs';
import { fileHost } from '/work/wt/trainer/src/cli/host.js';
import { parseExpression } from '/work/wt/trainer/src/compiler/parse.js';
import { openModel, sizedGraph } from '/work/wt/trainer/src/compile.js';
import { initialize } from '/work/wt/trainer/src/weights/initialize.js';
import { membranes } from '/work/wt/trainer/src/data/membranes.js';
import { openDataset } from '/work/wt/trainer/src/data/open.js';
import { openTrainingEngine } from '/work/wt/trainer/src/train/engine.js';
import { train } from '/work/wt/trainer/src/train/train.js';
const opt=JSON.parse(process.argv[2]??'{}');
const path=(opt.path??'/work/wt/trainer/models/'+(opt.file??'sdunet.arch'));
const overrides=Object.entries({...(opt.set??{width:16})}).map(([k,v])=>{const src={path:'--set',text:`${k}=${v}`};return {name:k,nameSpan:{source:src,start:0,end:k.length},value:parseExpression(src,k.length+1).tree!};});
const graphAt=([h,w]:any)=>{const src={path:'--size',text:`${h}x${w}`};const m=openModel({path,text:readFileSync(path,'utf8')},fileHost(path),{model:opt.model??'SDUNet',overrides,sizes:{image:[h,w],span:{source:src,start:0,end:3}}} as any); return m.value?sizedGraph(m.value):{ok:false as const,diagnostics:m.diagnostics};};
const eng=await openTrainingEngine(opt.engine??'wasm'); console.log(eng.ok?eng.value:eng.diagnostics);
let dataset:any;
if(opt.data){const d=await openDataset(opt.data,opt.dataOptions??{}); if(!d.ok){console.log(d.diagnostics);process.exit(1);} dataset=d.value;} else dataset=membranes(opt.count??40,opt.size??128,0);
console.log(dataset.description);
const recipe:any={name:'t',data:{kind:'given'},split:{by:'slices',validation:opt.val??8},normalise:'zscore',crop:opt.crop===null?undefined:opt.crop??[64,64],augment:opt.augment??[{kind:'flip'},{kind:'quarterturn'}],loss:opt.loss??[{weight:1,loss:{kind:'bce',positive:opt.positive??1},output:'mask'}],optimiser:opt.optimiser??{kind:'adam',lr:opt.lr??1e-3,beta1:.9,beta2:.999,eps:1e-8,decay:0,...opt.opt},schedule:{warmup:opt.warmup??20,kind:'cosine',floor:opt.floor??0.01},clip:1,batch:opt.batch??4,length:{steps:opt.steps??200},validate:opt.validate,metrics:['accuracy'],seed:opt.seed??0};
const g=graphAt(recipe.crop??[opt.size??128,opt.size??128]); if(!g.ok){console.log(g.diagnostics);process.exit(1);}
const weights=initialize(g.value.weights,0);
if(opt.scaleLast){const w=weights.get("mask.sepconv_2.conv.weight")!; for(let i=0;i<w.data.length;i++) w.data[i]!*=opt.scaleLast;}
if(opt.shrinkDw) for(const [n,w] of weights) if(n.endsWith("dwconv.weight")) console.log(n,w.shape.join());
const cpu=()=>{const u=process.cpuUsage(); return (u.user+u.system)/1e6;};
const t0=performance.now(), c0=cpu(); let s0=0, c1=cpu(), cs=0;
let tot=0;
const r=await train({identity:{model:'SDUNet',arguments:[],recipe,data:dataset.description},graphAt,dataset,weights,engine:'x',tile:opt.tile,onStart:p=>{console.log('start',p.size,p.parts.train.length,p.parts.validation.length,((performance.now()-t0)/1e3).toFixed(1));},onStep:rec=>{tot++; if(rec.step%20===0)console.log(rec.step,rec.loss.toFixed(4),rec.gradientNorm.toFixed(3),((performance.now()-t0)/1e3).toFixed(1)+'s',(cpu()-c0).toFixed(1)+' cpu');},onValidation:v=>console.log('VAL',v.step,v.loss.toFixed(4),'acc',v.scores.accuracy?.toFixed(4),'miou',v.scores.meanIou?.toFixed(4),'dice',v.scores.dice.map(x=>x?.toFixed(4)).join(' '),((performance.now()-t0)/1e3).toFixed(1)+'s',(cpu()-c0).toFixed(1)+'cpu')});
if(!r.ok) console.log(r.diagnostics);
process.exit(0);
